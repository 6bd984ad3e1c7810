/**
 * What a deployed broker did lately, from its functions' logs by CloudWatch Logs Insights, with the operator's own
 * rights. CloudWatch charges for what a query reads: one look a minute, however many pages ask, and none while no page
 * is open.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerEvent } from '../../shared/broker/events.ts';
import { callJson } from '../cli/aws.ts';
import { EXIT, Failure } from '../cli/failure.ts';
import { logGroupOf } from '../cli/log-group.ts';
import type { Target } from '../cli/target.ts';
import { Activity, kindOf, type MinuteCounts, NOTHING } from './activity.ts';
import type { ActivityAnswer, ActivitySource } from './messages.ts';

/** Whose requests and sweeps are shown. */
const WATCHED = ['https', 'invoke', 'callback', 'refresh'] as const;
/** Milliseconds. */
const MINUTE = 60_000;
const POLL_EVERY = 500;
const LONGEST_QUERY = 30_000;

/** An event is a line: `message` is its type, `event` the rest (`functions/telemetry.ts`). */
const EVENTS = `fields @timestamp, @message
| filter message in ["audit", "vendor_call", "lease_wait", "cache_failed", "unreadable_value", "grant", "sweep"]
| sort @timestamp desc
| limit 1000`;

const COUNTS = `filter message = "audit" and event.action = "token"
| stats count(*) as requests by bin(1m) as minute, event.connection as connection, event.outcome as outcome, event.source as source
| limit 10000`;

type Deployed = Pick<Target, 'aws' | 'stage'>;
type Row = Readonly<Record<string, string | undefined>>;

/** @param now milliseconds since the epoch */
export function deployedActivity(target: Deployed, now: () => number = Date.now): ActivitySource {
  const activity = new Activity([], now);
  /** What the last look found: what it did not find is too old for the next one. */
  let known: ReadonlySet<string | undefined> = new Set();
  let groups: Promise<string[]> | undefined;
  let looked: { readonly at: number; readonly counts: Promise<MinuteCounts> } | undefined;

  async function look(): Promise<MinuteCounts> {
    groups ??= Promise.all(WATCHED.map((which) => logGroupOf(target, which)));
    const logGroupNames = await groups.catch((error) => {
      groups = undefined;
      throw error;
    });
    const query = (queryString: string) => runQuery(target, { logGroupNames, queryString }, now());
    const [events, counts] = await Promise.all([query(EVENTS), query(COUNTS)]);
    for (const row of events.toReversed()) if (!known.has(row['@ptr'])) take(row);
    known = new Set(events.map((row) => row['@ptr']));
    return countsOf(counts);
  }

  function take({ '@message': line = '', '@timestamp': at }: Row): void {
    const event = eventIn(line);
    if (event) activity.add(event, timeOf(at));
  }

  return {
    async answer(after): Promise<ActivityAnswer> {
      if (!looked || now() - looked.at >= MINUTE) looked = { at: now(), counts: look() };
      const { counts } = looked;
      // What was refused costs nothing, and may be allowed by now.
      const found = await counts.catch((error: unknown) => {
        looked = undefined;
        throw error;
      });
      return { ...activity.answer(after), history: activity.historyOf(found) };
    },
  };
}

/** @throws AwsRefusal, Failure */
async function runQuery({ aws }: Deployed, query: object, now: number): Promise<Row[]> {
  const hour = { startTime: Math.floor((now - 60 * MINUTE) / 1000), endTime: Math.ceil(now / 1000) };
  const { queryId } = await callJson(aws, 'logs', 'StartQuery', { ...query, ...hour });
  for (let waited = 0; waited < LONGEST_QUERY; waited += POLL_EVERY) {
    const { status, results } = await callJson(aws, 'logs', 'GetQueryResults', { queryId });
    if (status === 'Complete') return (results as { field: string; value: string }[][]).map(rowOf);
    if (status !== 'Scheduled' && status !== 'Running') break;
    await delay(POLL_EVERY);
  }
  throw new Failure(EXIT.temporary, 'CloudWatch Logs Insights did not finish the query for the last hour.');
}

function rowOf(fields: readonly { field: string; value: string }[]): Row {
  return Object.fromEntries(fields.map(({ field, value }) => [field, value]));
}

/** `undefined` for a line that is none of the broker's. */
function eventIn(line: string): BrokerEvent | undefined {
  try {
    const { message, event } = JSON.parse(line) as { message: string; event: object };
    return { type: message, ...event } as BrokerEvent;
  } catch {
    return undefined;
  }
}

/** Insights writes `2026-01-31 12:00:00.000`, in UTC. */
function timeOf(written = ''): number {
  return Date.parse(`${written.replace(' ', 'T')}Z`);
}

function countsOf(rows: readonly Row[]): MinuteCounts {
  const counts: MinuteCounts = new Map();
  for (const { minute, connection = '', outcome, source, requests } of rows) {
    const at = timeOf(minute) / MINUTE;
    const minutes = counts.get(connection) ?? new Map();
    const counted = minutes.get(at) ?? { ...NOTHING };
    counted[kindOf({ outcome, source })] += Number(requests);
    counts.set(connection, minutes.set(at, counted));
  }
  return counts;
}
