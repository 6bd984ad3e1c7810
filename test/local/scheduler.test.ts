import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startSchedule } from '../../functions/local/scheduler.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a pass begins every so many seconds, with the refresher’s own context', async () => {
  const arns: string[] = [];
  const schedule = startSchedule(async (_, context) => void arns.push(context.invokedFunctionArn), 60);
  await vi.advanceTimersByTimeAsync(59_999);
  expect(arns).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(120_001);
  await schedule.stop();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(arns).toEqual(Array(3).fill('arn:aws:lambda:us-east-1:000000000000:function:token-broker-refresh'));
});

test('no pass begins while one is under way, and one that is overdue begins right after it', async () => {
  const begun: (() => void)[] = [];
  const schedule = startSchedule(() => new Promise<void>((resolve) => begun.push(resolve)), 1);
  await vi.advanceTimersByTimeAsync(10_500);
  expect(begun).toHaveLength(1);
  begun[0]!();
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toHaveLength(2);
  begun[1]!();
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toHaveLength(2);
  await schedule.stop();
});

test('a pass waits for what falls due until the next one', async () => {
  const events: unknown[] = [];
  const schedules = [60, 3_600].map((seconds) =>
    startSchedule(async (event) => void events.push(event), seconds),
  );
  await vi.advanceTimersByTimeAsync(3_600_000);
  for (const schedule of schedules) await schedule.stop();
  expect(new Set(events.map((event) => JSON.stringify(event)))).toEqual(
    new Set(['{"look_ahead":60}', '{"look_ahead":90}']),
  );
});

test('a pass that fails does not keep the next from coming', async () => {
  let passes = 0;
  const schedule = startSchedule(async () => {
    passes += 1;
    throw new Error('failed');
  }, 1);
  await vi.advanceTimersByTimeAsync(3_000);
  await schedule.stop();
  expect(passes).toBe(3);
});

test('stopping waits for the pass that is under way, but not for ever', async () => {
  const schedule = startSchedule(() => new Promise(() => {}), 1);
  await vi.advanceTimersByTimeAsync(1_000);
  let stopped = false;
  const stopping = schedule.stop(500).then(() => {
    stopped = true;
  });
  await vi.advanceTimersByTimeAsync(499);
  expect(stopped).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await stopping;
  expect(stopped).toBe(true);
});
