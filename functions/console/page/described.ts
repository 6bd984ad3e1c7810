/** Events of the broker as a person reads them. */
import type { BrokerEvent } from '../../../shared/broker/events.ts';
import { duration } from '../../cli/words.ts';
import type { ActivityEntry } from '../messages.ts';
import type { Tone } from './parts.tsx';
import { inWords } from './states.ts';

export interface Described {
  readonly time: Date;
  readonly tone: Tone;
  /** One or two words. */
  readonly outcome: string;
  readonly what: string;
  readonly details: string;
}

export type Kind = 'changes' | 'tokens' | 'vendor' | 'grants' | 'failures' | 'all';

type Includes = (entry: ActivityEntry) => boolean;

export const KINDS: Readonly<Record<Kind, { readonly title: string; readonly includes: Includes }>> = {
  changes: {
    title: 'All but lists and looks',
    includes: ({ event }) => event.type !== 'audit' || event.action !== 'read',
  },
  tokens: {
    title: 'Requests for tokens',
    includes: ({ event }) => event.type === 'audit' && event.action === 'token',
  },
  vendor: { title: 'Vendor calls', includes: ({ event }) => event.type === 'vendor_call' },
  grants: { title: 'Grants', includes: ({ event }) => event.type === 'grant' || event.type === 'sweep' },
  failures: { title: 'Failures', includes: (entry) => toneOf(entry.event) !== 'good' },
  all: { title: 'Everything', includes: () => true },
};

export function describe({ at, event }: ActivityEntry): Described {
  return { time: new Date(at), tone: toneOf(event), ...textOf(event) };
}

/** Of a grant's changes, those that want somebody. */
const WORRYING: Readonly<Record<string, Tone>> = {
  in_doubt: 'attention',
  expiring: 'attention',
  rescued: 'attention',
  consent_required: 'bad',
  consent_denied: 'attention',
  consent_failed: 'bad',
};

export function toneOf(event: BrokerEvent): Tone {
  switch (event.type) {
    case 'audit':
    case 'vendor_call':
      return event.outcome === 'success' ? 'good' : 'bad';
    case 'grant':
      return WORRYING[event.change] ?? 'good';
    case 'sweep':
      return event.failed > 0 ? 'bad' : 'good';
    case 'lease_wait':
      return 'quiet';
    default:
      return 'bad';
  }
}

function textOf(event: BrokerEvent): Pick<Described, 'outcome' | 'what' | 'details'> {
  switch (event.type) {
    case 'audit': {
      const { action, connection, subject, outcome, source, detail, principal } = event;
      const who = principal.split(':').at(-1);
      return {
        outcome: outcome === 'success' ? (source ?? 'ok') : inWords(outcome),
        what: [action, connection, subject].filter(Boolean).join(' · '),
        details: [detail, who, took(event.duration)].filter(Boolean).join(' · '),
      };
    }
    case 'vendor_call': {
      const { outcome, vendor, purpose, connection, vendorError } = event;
      return {
        outcome: outcome === 'success' ? 'answered' : inWords(outcome),
        what: `${vendor}: ${purpose} · ${connection}`,
        details: [vendorError, took(event.duration)].filter(Boolean).join(' · '),
      };
    }
    case 'grant': {
      const { change, connection, subject, vendorError } = event;
      return {
        outcome: inWords(change),
        what: `grant · ${connection} · ${subject}`,
        details: vendorError ?? '',
      };
    }
    case 'sweep': {
      const { due, renewed, failed, backlog } = event;
      return {
        outcome: 'sweep',
        what: `${due} due, ${renewed} renewed`,
        details: `${failed} failed, ${backlog} left, ${took(event.duration)}`,
      };
    }
    case 'lease_wait':
      return { outcome: 'waited', what: `lease · ${event.connection}`, details: took(event.duration) };
    case 'cache_failed':
      return { outcome: 'cache failed', what: event.connection, details: event.operation };
    case 'unreadable_value':
      return { outcome: 'unreadable', what: event.connection, details: event.detail };
  }
}

/** @param milliseconds that something took */
export function took(milliseconds: number): string {
  return milliseconds < 2_000 ? `${Math.round(milliseconds)} ms` : duration(milliseconds / 1000);
}
