/** What the page asks of its server, with the key that its address had. */
import type {
  ConnectionAnswer,
  ConsentAnswer,
  ConsentStatusAnswer,
  GrantListAnswer,
  RevokeAnswer,
  TokenRequestBody,
} from '../../../shared/contract/messages.ts';
import { pathOf } from '../../../shared/contract/routes.ts';
import {
  type About,
  type AccessAnswer,
  type AccessQuestion,
  type AccessVerdict,
  type ActivityAnswer,
  API_PREFIX,
  type ConsoleError,
  type DoctorAnswer,
  type Fault,
  KEY_HEADER,
  type TriedToken,
  type VendorsAnswer,
} from '../messages.ts';

/** For this tab, until it is closed: a reload keeps it, another tab and another port never see it. */
const STORED = 'token-broker-console-key';

/** Takes the key out of the address, so that it stays in no history, or what an earlier load took. */
export function keyOfTab(): string | undefined {
  const given = /^#([\w-]{32,})$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    sessionStorage.setItem(STORED, given);
    history.replaceState(undefined, '', '/#/');
  }
  return sessionStorage.getItem(STORED) ?? undefined;
}

/** The server knows no such key: it was started anew, most likely. */
function lock(): void {
  sessionStorage.removeItem(STORED);
  dispatchEvent(new Event('hashchange'));
}

/** What went wrong, and what to do. */
export class Failed extends Error {
  readonly next: string | undefined;

  constructor({ message, next }: ConsoleError) {
    super(message);
    this.next = next;
  }
}

/** @throws Failed */
async function ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(API_PREFIX + path, {
    method,
    headers: { [KEY_HEADER]: sessionStorage.getItem(STORED) ?? '' },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Failed({ message: 'The console’s server does not answer.', next: 'Start it again.' });
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer as Answer;
  if (response.status === 403) lock();
  throw new Failed(answer as ConsoleError);
}

/** One of the broker's own routes. */
const broker = <Answer>(method: string, path: string, body?: object) =>
  ask<Answer>(method, `broker${path}`, body);

const grantPath = (connection: string, subject: string) =>
  pathOf('DELETE /connections/{connection}/grants/{subject}', {
    connection,
    subject: encodeURIComponent(subject),
  });

export const api = {
  about: () => ask<About>('GET', 'about'),
  doctor: () => ask<DoctorAnswer>('GET', 'doctor'),
  activity: (after: number) => ask<ActivityAnswer>('GET', `activity?after=${after}`),
  vendors: () => ask<VendorsAnswer>('GET', 'vendors'),
  setFaults: (vendor: string, faults: readonly Fault[]) =>
    ask<VendorsAnswer>('PUT', `vendors/${vendor}/faults`, faults),
  resetCounts: (vendor: string) => ask<VendorsAnswer>('DELETE', `vendors/${vendor}/counts`),
  connections: () =>
    broker<{ connections: ConnectionAnswer[] }>('GET', pathOf('GET /connections', {})).then(
      ({ connections }) => connections,
    ),
  connection: (connection: string) =>
    broker<ConnectionAnswer>('GET', pathOf('GET /connections/{connection}', { connection })),
  grants: (connection: string, cursor?: string) => {
    const path = pathOf('GET /connections/{connection}/grants', { connection });
    return broker<GrantListAnswer>(
      'GET',
      cursor === undefined ? path : `${path}?${new URLSearchParams({ cursor })}`,
    );
  },
  access: (connection: string) => ask<AccessAnswer>('GET', `access/${connection}`),
  mayDo: (connection: string, asked: AccessQuestion) =>
    ask<AccessVerdict>('POST', `access/${connection}`, asked),
  /** @param shown whether the token itself is answered too */
  token: (connection: string, body: TokenRequestBody, shown = false) => {
    const path = pathOf('POST /connections/{connection}/token', { connection });
    return broker<TriedToken>('POST', shown ? `${path}?show=token` : path, body);
  },
  consent: (connection: string, options: { subject?: string; replace?: boolean }) =>
    broker<ConsentAnswer>('POST', pathOf('POST /connections/{connection}/consent', { connection }), options),
  consentStatus: (connection: string, consent: string) =>
    broker<ConsentStatusAnswer>(
      'POST',
      pathOf('POST /connections/{connection}/consent/{consent}', { connection, consent }),
      {},
    ),
  revoke: (connection: string, subject: string) =>
    broker<RevokeAnswer>('DELETE', grantPath(connection, subject)),
};
