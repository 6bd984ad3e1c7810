/** How well something is, from what the broker says of it. */
import type { ConnectionAnswer, GrantState } from '../../../shared/contract/messages.ts';
import { stateOf } from '../../cli/words.ts';
import type { Tone } from './parts.tsx';

const TONES: Readonly<Record<GrantState | 'none' | 'ready' | 'failing', Tone>> = {
  ready: 'good',
  active: 'good',
  in_doubt: 'attention',
  consent_required: 'bad',
  failing: 'bad',
  revoked: 'quiet',
  none: 'quiet',
};

/** Grants in the order of how much they want somebody. */
const URGENCY = ['consent_required', 'in_doubt', 'active'] as const;

export function toneOfConnection(listed: ConnectionAnswer): Tone {
  const { grants, grants_expiring } = listed;
  const state = grants ? URGENCY.find((each) => grants[each] > 0) : stateOf(listed);
  if (state === 'active' && grants_expiring) return 'attention';
  return TONES[state as keyof typeof TONES] ?? 'quiet';
}

export const toneOfGrant = (state: GrantState): Tone => TONES[state];

/** As a person reads it. */
export const inWords = (state: string): string => state.replaceAll('_', ' ');
