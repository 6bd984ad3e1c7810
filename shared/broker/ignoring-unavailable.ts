import { StoreUnavailable } from '../contract/errors.ts';

/** For what is no loss if the store is down just then: its outcome, or `undefined`. Any other error passes through. */
export async function ignoringUnavailable<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (error instanceof StoreUnavailable) return undefined;
    throw error;
  }
}
