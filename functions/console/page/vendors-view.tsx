import { useState } from 'preact/hooks';
import { type ConnectionAnswer, MAX_MIN_TTL } from '../../../shared/contract/messages.ts';
import { fromNow } from '../../cli/words.ts';
import type { Fault, SimulatedVendorAnswer, TriedToken, VendorsAnswer } from '../messages.ts';
import { api } from './api.ts';
import { describe } from './described.ts';
import { useAction, useLoaded } from './loading.ts';
import { Problem, State } from './parts.tsx';
import { useWatched } from './watched.ts';

/** Milliseconds. */
const EVERY = 1_000;

/** What a switch sets: the token endpoint fails until it is switched off. */
const SWITCHED = { endpoint: 'token', times: 0 };

/** Needs to be told which member: by `PUT /_simulator/faults`. */
const NEEDS_MORE = 'odd_member';

export function VendorsView() {
  const { value, failure } = useLoaded(api.vendors, [], EVERY);
  const { value: connections = [] } = useLoaded(api.connections, []);
  const namesOf = (vendor: string) => connections.filter((each) => each.vendor === vendor);
  const [changed, setChanged] = useState<VendorsAnswer>();
  const act = useAction(async (change: Promise<VendorsAnswer>) => setChanged(await change));
  // What a change answered is shown until the next look.
  const [seen, setSeen] = useState(value);
  if (seen !== value) {
    setSeen(value);
    setChanged(undefined);
  }
  return (
    <>
      <h1>Vendors</h1>
      <p>
        Simulated on this machine. A switch spoils every answer of the vendor’s token endpoint until it is off
        again: ask for tokens meanwhile, and watch the broker survive it.
      </p>
      <Problem failure={act.failure ?? failure} />
      <div class="vendors">
        {(changed ?? value)?.vendors.map((vendor) => (
          <Vendor
            key={vendor.vendor}
            vendor={vendor}
            connections={namesOf(vendor.vendor)}
            onChange={act.run}
          />
        ))}
      </div>
    </>
  );
}

interface Props {
  readonly vendor: SimulatedVendorAnswer;
  readonly connections: readonly ConnectionAnswer[];
  onChange(change: Promise<VendorsAnswer>): void;
}

function Vendor({ vendor: { vendor, faults, faults_help, counts }, connections, onChange }: Props) {
  const id = `vendor-${vendor}`;
  const isOn = (name: string) => faults.some(({ fault }) => fault === name);
  const toggle = (name: string) => {
    const others = faults.filter(({ fault }) => fault !== name);
    const next: Fault[] = isOn(name) ? others : [...others, { fault: name, ...SWITCHED }];
    onChange(api.setFaults(vendor, next));
  };
  return (
    <section aria-labelledby={id}>
      <div class="title">
        <h2 id={id}>{vendor}</h2>
        <button
          type="button"
          class="plain"
          aria-label={`Count anew: ${vendor}`}
          onClick={() => onChange(api.resetCounts(vendor))}
        >
          Count anew
        </button>
      </div>
      <Counts counts={counts} />
      <Survival connections={connections} />
      <details open={faults.length > 0}>
        <summary>Faults{faults.length > 0 && `: ${faults.map(({ fault }) => fault).join(', ')}`}</summary>
        <ul class="switches">
          {Object.entries(faults_help)
            .filter(([name]) => name !== NEEDS_MORE)
            .map(([name, { does }]) => (
              <li key={name}>
                <label>
                  <input
                    type="checkbox"
                    role="switch"
                    aria-checked={isOn(name)}
                    checked={isOn(name)}
                    onChange={() => toggle(name)}
                  />
                  <span>
                    {name.replaceAll('_', ' ')} <span class="small">{does.replaceAll('`', '')}</span>
                  </span>
                </label>
              </li>
            ))}
        </ul>
      </details>
    </section>
  );
}

const MOST_EVENTS = 4;

/** What the vendor's connections make of its faults: tokens asked for here, and what was recorded last. */
function Survival({ connections }: { connections: readonly ConnectionAnswer[] }) {
  const { entries = [] } = useWatched();
  const asked = connections.find(({ grants }) => grants === undefined)?.connection;
  const [token, setToken] = useState<TriedToken>();
  const ask = useAction(async (name: string, isNew: boolean) => {
    setToken(undefined);
    setToken(await api.token(name, isNew ? { min_ttl: MAX_MIN_TTL } : {}));
  });
  const names = new Set(connections.map(({ connection }) => connection));
  const last = entries
    .filter(({ event }) => event.type !== 'sweep' && names.has(event.connection))
    .filter(({ event }) => event.type !== 'audit' || event.action !== 'read')
    .slice(-MOST_EVENTS)
    .reverse();
  return (
    <>
      {asked && (
        <p class="buttons">
          <button type="button" disabled={ask.busy} onClick={() => ask.run(asked, false)}>
            Ask for a token
          </button>
          <button type="button" class="plain" disabled={ask.busy} onClick={() => ask.run(asked, true)}>
            … for a new one
          </button>
        </p>
      )}
      <div role="status">
        {token && (
          <p>
            <State tone="good">{asked}</State>: a token from {token.source}, which ends{' '}
            {fromNow(token.expires_at)}.{token.warning && <span class="warning"> {token.warning}</span>}
          </p>
        )}
      </div>
      <Problem failure={ask.failure} />
      {last.length > 0 && (
        <ol class="rows" reversed>
          {last.map((entry) => {
            const { tone, outcome, what, details } = describe(entry);
            return (
              <li key={entry.number} class="row brief">
                <State tone={tone}>{outcome}</State>
                <span>
                  {what} <span class="small">{details}</span>
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </>
  );
}

const EVENTS = { mints: 'mints', refreshes: 'refreshes', code_exchanges: 'codes', revocations: 'revoked' };

function Counts({ counts }: { counts: SimulatedVendorAnswer['counts'] }) {
  const tallies = Object.values(counts.requests).flatMap((byGrant) => Object.values(byGrant));
  const sum = (kind: 'received' | 'failed') => tallies.reduce((total, tally) => total + tally[kind], 0);
  const shown: [string, number][] = [
    ['requests', sum('received')],
    ['failed', sum('failed')],
    ['under way', counts.in_flight],
    ...Object.entries(EVENTS).map(([name, title]): [string, number] => [title, Number(counts[name])]),
  ];
  return (
    <dl class="counts">
      {shown.map(([title, count]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>{count}</dd>
        </div>
      ))}
    </dl>
  );
}
