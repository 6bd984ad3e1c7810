import { expect, test } from 'vitest';
import { NOT_NEEDED, systemClock } from '../../shared/oauth/clock.ts';

const DAY = 86_400_000;

test('a wait that is given up is over at once, and leaves no timer behind', async () => {
  const before = timers();
  const needed = new AbortController();
  const wait = systemClock.sleep(DAY, needed.signal);
  needed.abort(NOT_NEEDED);
  await wait;
  await systemClock.sleep(DAY, needed.signal);
  expect(timers()).toBe(before);
});

test('a wait that nobody gives up takes its time', async () => {
  const begun = systemClock.now();
  await systemClock.sleep(20, new AbortController().signal);
  expect(systemClock.now() - begun).toBeGreaterThanOrEqual(19);
});

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
