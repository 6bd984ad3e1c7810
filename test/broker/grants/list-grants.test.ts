import { expect, test } from 'vitest';
import type { GrantListAnswer } from '../../../shared/contract/messages.ts';
import { brokerWorld, CALLER, refusal } from '../../support/broker.ts';
import { type GrantProcess, grantProcess, portal, quick } from '../../support/grants.ts';

const world = brokerWorld();

const PEOPLE = ['ada', 'bob', 'Zoë', 'ann', 'émile'];
const LIMITED = 'arn:aws:sts::111122223333:assumed-role/limited/session';

async function consented(members: object = {}, people = PEOPLE): Promise<GrantProcess> {
  const process = grantProcess(world, await portal(world, members), { timing: quick });
  for (const subject of people) await process.consent(subject);
  return process;
}

/** Every page, in order. */
async function pages(process: GrantProcess, limit: string, as?: string): Promise<GrantListAnswer[]> {
  const all: GrantListAnswer[] = [];
  let cursor: string | undefined;
  do {
    const page = await process.grants({ limit, ...(cursor && { cursor }) }, as);
    all.push(page);
    cursor = page.cursor;
  } while (cursor);
  return all;
}

const subjectsOf = (all: GrantListAnswer[]) => all.map(({ grants }) => grants.map(({ subject }) => subject));

test('every grant is listed once, by subject, page by page', async () => {
  const process = await consented();
  expect(subjectsOf(await pages(process, '2'))).toEqual([['Zoë', 'ada'], ['ann', 'bob'], ['émile']]);
  expect(subjectsOf(await pages(process, '100'))).toEqual([['Zoë', 'ada', 'ann', 'bob', 'émile']]);
});

test('a grant shows what it is, when it was consented to and by whom, and its last failure', async () => {
  const process = await consented({ scope: undefined }, ['ada']);
  const [grant] = (await process.grants()).grants;
  expect(grant).toEqual({
    subject: 'ada',
    grant_status: 'active',
    expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
    consented_at: expect.stringMatching(/^\d{4}-.*Z$/),
    consented_by: CALLER,
  });
  world.clock.advance(3_590_000);
  world.vendors.bugfender.setFault({
    fault: 'oauth_error',
    error: 'invalid_scope',
    endpoint: 'token',
    times: 0,
  });
  await process.token({ subject: 'ada' }).catch(() => undefined);
  expect((await process.grants()).grants[0]).toMatchObject({
    last_failure: {
      error: 'vendor_rejected',
      vendor_error: 'invalid_scope',
      step: 'refresh',
      http_status: 400,
    },
  });
  world.vendors.bugfender.setFault();
  world.clock.advance(60_000);
  await process.token({ subject: 'ada' });
  const [after] = (await process.grants()).grants;
  expect(after).toHaveProperty('last_refresh_at');
  expect(after).not.toHaveProperty('last_failure');
});

test('what was revoked is listed no more, and keeps no page short', async () => {
  const process = await consented();
  for (const subject of ['Zoë', 'ada']) await process.revoke(subject);
  expect(subjectsOf(await pages(process, '2'))).toEqual([['ann', 'bob'], ['émile']]);
});

test('a caller that is limited to some subjects sees those, and counts those', async () => {
  const principal = 'arn:aws:iam::111122223333:role/limited';
  const everyone = { principal: 'arn:aws:iam::111122223333:root', actions: ['consent', 'read', 'token'] };
  const callers = [
    { ...everyone, principal: 'arn:aws:iam::111122223333:role/ci' },
    { principal, subjects: ['bob', 'ada', 'nobody'] },
  ];
  const process = await consented({ callers });
  expect(subjectsOf(await pages(process, '1', LIMITED))).toEqual([['ada'], ['bob']]);
  expect(subjectsOf(await pages(process, '50', LIMITED))).toEqual([['ada', 'bob']]);
  expect(await process.counts(LIMITED)).toMatchObject({ grants: { active: 2 } });
  expect(await process.counts()).toMatchObject({ grants: { active: 5 } });
  expect(
    await refusal(process.grants({}, 'arn:aws:sts::111122223333:assumed-role/other/session')),
  ).toMatchObject({
    error: 'access_denied',
  });
});

test.each([
  [{ limit: '0' }, /^limit: must be a whole number from 1 to 100/],
  [{ limit: '101' }, /^limit/],
  [{ limit: 'x' }, /^limit/],
  [{ cursor: 'made-up' }, /^cursor: must be the "cursor" of an earlier answer for this connection/],
  [{ cursor: Buffer.from('["another","ada"]').toString('base64url') }, /^cursor/],
])('%j is refused with what is allowed', async (query, message) => {
  const process = await consented({}, []);
  const refused = await refusal(process.grants(query));
  expect(refused).toMatchObject({
    error: 'invalid_request',
    error_description: expect.stringMatching(message),
  });
});

test('a connection that acts for itself has no grants to list', async () => {
  const connection = await world.connect({ vendor: 'bugsplat', scope: 'symbols' }, 'bugsplat-symbols');
  expect(await refusal(grantProcess(world, connection).grants())).toMatchObject({ error: 'invalid_request' });
});
