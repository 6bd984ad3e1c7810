/** Small parts that several views have. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { TokenBrokerErrorCode } from '../../../shared/client/errors.ts';
import type { GrantAnswer } from '../../../shared/contract/messages.ts';
import { nextStep } from '../../cli/failure.ts';
import { duration, fromNow } from '../../cli/words.ts';
import type { Minute } from '../messages.ts';
import type { Failed } from './api.ts';

export type Tone = 'good' | 'attention' | 'bad' | 'quiet';

const SIGNS: Readonly<Record<Tone, string>> = { good: '✓', attention: '!', bad: '✕', quiet: '–' };

/** Its word says all; sign and colour say it again. */
export function State({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`state ${tone}`}>
      <span aria-hidden="true">{SIGNS[tone]}</span> {children}
    </span>
  );
}

interface TimeLeftProps {
  readonly until?: string | undefined;
  readonly since?: string | undefined;
  readonly what?: 'token' | 'grant';
}

/** How much of a token's or a grant's life is left; without its beginning only the time. */
export function TimeLeft({ until, since, what = 'token' }: TimeLeftProps) {
  const left = (Date.parse(until ?? '') - Date.now()) / 1000;
  if (!(left > 0)) return <span class="small">no {what}</span>;
  const whole = (Date.parse(until!) - Date.parse(since ?? '')) / 1000;
  return (
    <span class="left">
      {whole > 0 && (
        <span class="bar" aria-hidden="true">
          <span style={{ width: `${Math.min(100, (left / whole) * 100)}%` }} />
        </span>
      )}
      {duration(left)} left{what === 'grant' && ' of the grant'}
    </span>
  );
}

type Failure = NonNullable<GrantAnswer['last_failure']>;

interface LastFailureProps {
  readonly failure: Failure;
  readonly connection: string;
  /** What mends it, where that is known better than from the failure alone. */
  readonly mend?: string | undefined;
}

/** In words, with what to do now. */
export function LastFailure({ failure, connection, mend }: LastFailureProps) {
  const { error, vendor_error, http_status, step, at } = failure;
  const said = vendor_error ?? error;
  const status = http_status === undefined ? '' : ` (HTTP ${http_status})`;
  const next = mend ?? nextStep({ code: error as TokenBrokerErrorCode, retryAfter: undefined }, connection);
  return (
    <p class="failure">
      {fromNow(at)}
      {step && `, at the vendor’s ${step}`}: <strong>{said}</strong>
      {status}
      {next && <Next text={next} />}
    </p>
  );
}

/** A command is shown as one. */
export function Next({ text }: { text: string }) {
  return <span class="next"> {/^(?:token-broker|npm) /.test(text) ? <code>{text}</code> : text}</span>;
}

export function Problem({ failure }: { failure: Failed | undefined }) {
  if (!failure) return null;
  return (
    <p class="problem" role="alert">
      {failure.message}
      {failure.next && <Next text={failure.next} />}
    </p>
  );
}

export function Facts({ pairs }: { pairs: Readonly<Record<string, ComponentChildren>> }) {
  const shown = Object.entries(pairs).filter(([, value]) => value !== undefined && value !== '');
  return (
    <dl>
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const SPARK = { width: 120, height: 24 };

/** Requests of the last hour by the minute: served, minted and failed on top of each other. */
export function Sparkline({ minutes }: { minutes: readonly Minute[] }) {
  const sum = (kind: keyof Minute) => minutes.reduce((total, minute) => total + minute[kind], 0);
  const label = `last hour: ${sum('served')} served, ${sum('minted')} minted, ${sum('failed')} failed`;
  const highest = Math.max(1, ...minutes.map(({ served, minted, failed }) => served + minted + failed));
  const step = SPARK.width / minutes.length;
  const bars = minutes.flatMap((minute, index) => {
    let y = SPARK.height;
    return (['served', 'minted', 'failed'] as const).map((kind) => {
      const height = (minute[kind] / highest) * SPARK.height;
      y -= height;
      const at = { x: index * step, y, width: step, height };
      return height > 0 && <rect key={`${index}${kind}`} class={kind} {...at} />;
    });
  });
  const all = sum('served') + sum('minted') + sum('failed');
  return (
    <span class="sparkline">
      <svg class="spark" viewBox={`0 0 ${SPARK.width} ${SPARK.height}`} role="img" aria-label={label}>
        <title>{label}</title>
        <path d={`M0 ${SPARK.height - 0.5}H${SPARK.width}`} />
        {bars}
      </svg>
      <span class="small" aria-hidden="true">
        {all > 0 && all}
        {sum('failed') > 0 && (
          <>
            , <span class="bad">{sum('failed')} failed</span>
          </>
        )}
      </span>
    </span>
  );
}

interface DialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  onClose(): void;
}

/** Modal; Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, children, onClose }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => element.current!.showModal(), []);
  return (
    <dialog ref={element} onClose={onClose} aria-labelledby="dialog-title">
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

/** Ends the dialog that it stands in. */
export function CloseButton() {
  return (
    <form method="dialog">
      <button type="submit" class="plain">
        Close
      </button>
    </form>
  );
}
