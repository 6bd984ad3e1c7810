/** How a process of the broker does what `broker-processes.ts` orders. */
import type { Broker } from '../../functions/compose.ts';
import { httpsCaller } from '../../shared/broker/caller.ts';
import { BrokerError } from '../../shared/contract/errors.ts';
import { systemClock } from '../../shared/oauth/clock.ts';
import type { ChildOrder, ChildOutcome, ChildReport } from './broker-processes.ts';

/** Asks for tokens of the connection when it is told to, and says so that it is ready. */
export function takeOrders(broker: Broker, connection: string, proceed: () => void = () => undefined): void {
  process.on('message', async (order: ChildOrder) => {
    if (order.type === 'proceed') return proceed();
    await systemClock.sleep(Math.max(0, order.at - Date.now()));
    const asked = Array.from({ length: order.requests }, () => ask(broker, connection, order.remaining));
    tell({ type: 'answered', outcomes: await Promise.all(asked) });
  });
  tell({ type: 'ready' });
}

export function tell(report: ChildReport): void {
  process.send!(report);
}

async function ask(broker: Broker, connection: string, remaining: number): Promise<ChildOutcome> {
  const begunAt = Date.now();
  const ended = (outcome: object) => ({ begunAt, endedAt: Date.now(), ...outcome });
  try {
    const { access_token, source } = await broker.token({
      caller: httpsCaller('arn:aws:iam::111122223333:user/ci'),
      connection,
      span: { begunAt, endsAt: begunAt + remaining },
    });
    return ended({ token: access_token, source });
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return ended({ error: error.code });
  }
}
