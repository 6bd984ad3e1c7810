/** A run as a person reads it: one line an entry, ids shortened in the order in which they come. */
import type { Grant } from '../../shared/broker/ports.ts';
import { Redacted } from '../../shared/contract/redacted.ts';
import type { Entry, GrantChange, Operation, StoreOperation, VendorExchange } from './history.ts';
import type { Run } from './simulate.ts';
import { BEGINNING } from './world.ts';

/** UUIDs, and the handles and states of consents; a state may be cut off. */
const RANDOM =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=&state=)[\w-]+|(?<![\w-])[\w-]{43}(?![\w-])/g;

export function printed({ seed, world, violations }: Run): string {
  const names = new Map<string, string>();
  const short = (text: string) =>
    text.replace(RANDOM, (id) => {
      if (!names.has(id)) names.set(id, `#${names.size + 1}`);
      return names.get(id)!;
    });
  const { kind, refresh, life, broad, processes } = world.settings;
  const lines = world.history.entries.flatMap((entry) => {
    const text = textOf(entry);
    const process = 'process' in entry ? entry.process : '';
    return text === undefined ? [] : [`${seconds(entry.at)} ${process.padEnd(4)} ${text}`];
  });
  const findings = violations.map(
    ({ at, invariant, text }) => `${seconds(at)} ${invariant}\n           ${text}`,
  );
  return short(
    [
      `seed ${seed}: vendor "${kind}", ${refresh}, tokens of ${life} s${broad ? ', broader than asked' : ''}, ${processes} processes`,
      ...lines,
      findings.length === 0 ? 'Every invariant holds.' : `Broken:\n${findings.join('\n')}`,
      `Again: npm run simulate -- --seed ${seed}`,
    ].join('\n'),
  );
}

function seconds(at: number): string {
  return ((at - BEGINNING) / 1000).toFixed(3).padStart(10);
}

function textOf(entry: Entry): string | undefined {
  switch (entry.type) {
    case 'store':
      return storeText(entry);
    case 'grant':
      return `${entry.key}: ${grantText(entry)}`;
    case 'entry':
      return `token ${entry.key.slice(0, 6)}: ${entry.after.token ? entry.after.token.accessToken.reveal() : 'no token'}${entry.after.lease ? `, lease ${entry.after.lease.id}` : ''}`;
    case 'rescue':
      return `${entry.key}: rescue of ${entry.attempt} ${entry.rescue ? `holds ${entry.rescue.refreshToken?.reveal()}` : 'discarded'}`;
    case 'exchange':
      return exchangeText(entry);
    case 'family':
      return `VENDOR ended family ${entry.family} of ${entry.subject}: ${entry.reason}`;
    case 'operation':
      return operationText(entry);
    case 'process':
      return `${entry.what.toUpperCase()}${entry.milliseconds === undefined ? '' : ` ${entry.milliseconds} ms`}`;
    case 'event':
      return entry.event.type === 'grant'
        ? `says ${entry.event.connection}/${entry.event.subject} ${entry.event.change}`
        : undefined;
    case 'remark':
      return `--- ${entry.text} ---`;
  }
}

/** What went well shows in what it changed. */
function storeText(entry: StoreOperation): string | undefined {
  if (!entry.fault && entry.fits !== false) return undefined;
  const fits = entry.fits === false ? ', does not fit' : '';
  const applied =
    entry.appliedAt === undefined ? 'never applied' : `applied ${seconds(entry.appliedAt).trim()}`;
  return `store: ${entry.operation} ${entry.key}: ${entry.fault ?? 'sound'}, ${applied}${fits}, ${entry.answer ?? 'no answer'}`;
}

function grantText({ before, after }: GrantChange): string {
  if (!after) return 'removed';
  const changed = (Object.keys(after) as (keyof Grant)[]).filter(
    (member) => member in after && shown(after[member]) !== shown(before?.[member]),
  );
  const gone = before ? Object.keys(before).filter((member) => !(member in after)) : [];
  const told = changed
    .filter((member) => !UNTOLD.includes(member))
    .map((member) => `${member} ${shown(after[member])}`);
  return [...told, ...gone.map((member) => `no ${member}`)].join(', ');
}

const UNTOLD: readonly string[] = [
  'rev',
  'binding',
  'scopes',
  'redirectUri',
  'consentedBy',
  'connection',
  'subject',
];

function shown(value: unknown): string {
  if (value instanceof Redacted) return value.reveal();
  if (typeof value === 'number') return value > BEGINNING / 2 ? seconds(value).trim() : String(value);
  if (Array.isArray(value)) return `[${value.map(shown).join(' ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if ('accessToken' in value) return shown(value.accessToken);
  return `{${Object.entries(value).map(([name, inner]) => `${name} ${shown(inner)}`)}}`;
}

function exchangeText(entry: VendorExchange): string {
  const when = (name: string, at: number | undefined) =>
    at === undefined ? '' : ` ${name} ${seconds(at).trim()}`;
  const given = [entry.status, entry.error, entry.refreshToken, entry.accessToken].filter(Boolean).join(' ');
  const way = `${when('sent', entry.sentAt)}${when('acted', entry.actedAt)}${when('delivered', entry.deliveredAt)}${when('failed', entry.failedAt)}`;
  return `vendor ${entry.id}: ${entry.purpose} ${entry.presented ?? ''} ${entry.scope ?? ''} → ${given || 'nothing'} (${entry.fault ?? 'sound'}:${way})`;
}

function operationText(entry: Operation): string {
  const end = entry.endedAt === undefined ? 'never ended' : `by ${seconds(entry.endedAt).trim()}`;
  const outcome = entry.error
    ? `${entry.error.code}: ${entry.error.text}`
    : JSON.stringify(entry.outcome ?? 'nothing');
  const asked = entry.input === undefined ? '' : ` ${JSON.stringify(entry.input)}`;
  const whom = entry.connection ? ` ${entry.connection}/${entry.subject ?? ''}` : '';
  return `ASKED ${entry.name}${whom}${asked} as ${entry.principal}: ${outcome.slice(0, 260)} (${end})`;
}
