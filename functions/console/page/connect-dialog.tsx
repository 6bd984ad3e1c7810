import { useEffect, useState } from 'preact/hooks';
import type { ConsentAnswer, ConsentStatusAnswer } from '../../../shared/contract/messages.ts';
import { api, type Failed } from './api.ts';
import { useAction } from './loading.ts';
import { CloseButton, Dialog, Problem } from './parts.tsx';

interface Props {
  readonly connection: string;
  /** Whose grant is to be replaced; absent: a new one. */
  readonly replaced?: string;
  onClose(): void;
}

/** Milliseconds between two looks at a consent, where the broker says nothing else. */
const LOOK_EVERY = 2_000;

/** Begins a consent, leads to its page in another tab, and waits for the outcome. */
export function ConnectDialog({ connection, replaced, onClose }: Props) {
  const [subject, setSubject] = useState(replaced ?? '');
  const [consent, setConsent] = useState<ConsentAnswer>();
  const begin = useAction(async () => {
    const named = subject.trim();
    const begun = await api.consent(connection, {
      ...(named !== '' && { subject: named }),
      ...(replaced !== undefined && { replace: true }),
    });
    setConsent(begun);
    open(begun.consent_url, '_blank', 'noreferrer');
  });
  const title = replaced === undefined ? `Connect ${connection}` : `Replace the grant of ${replaced}`;
  return (
    <Dialog title={title} onClose={onClose}>
      {consent ? (
        <Begun {...{ connection, consent }} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            begin.run();
          }}
        >
          {replaced === undefined ? (
            <label>
              Subject <span class="small">whose grant; empty where there is just one</span>
              <input
                value={subject}
                maxLength={256}
                autocomplete="off"
                onInput={(event) => setSubject(event.currentTarget.value)}
              />
            </label>
          ) : (
            <p>The grant that is there stays until the new one is stored.</p>
          )}
          <Problem failure={begin.failure} />
          <button type="submit" disabled={begin.busy}>
            Begin
          </button>
        </form>
      )}
      <CloseButton />
    </Dialog>
  );
}

function Begun({ connection, consent }: { connection: string; consent: ConsentAnswer }) {
  const { status, failure } = useConsentStatus(connection, consent);
  return (
    <>
      <p>
        <a href={consent.consent_url} target="_blank" rel="noreferrer">
          Open the consent page
        </a>{' '}
        in any browser, here or elsewhere, and decide there.
      </p>
      {'user_code' in consent && (
        <p>
          The code to enter at the vendor: <strong class="code">{consent.user_code}</strong>
        </p>
      )}
      <p role="status">{inWords(status)}</p>
      <Problem failure={failure} />
    </>
  );
}

const WORDS = {
  pending: 'Waiting for the decision …',
  granted: '✓ Connected.',
  denied: 'Not connected: consent was denied at the vendor.',
  expired: 'Not connected: the consent expired, or failed at the vendor.',
};

function inWords({ status, error_description: why }: ConsentStatusAnswer): string {
  return why === undefined ? WORDS[status] : `Not connected: ${why}`;
}

function useConsentStatus(connection: string, { consent, ...begun }: ConsentAnswer) {
  const [seen, setSeen] = useState<ConsentStatusAnswer>({ status: 'pending' });
  const [failure, setFailure] = useState<Failed>();
  const pause = seen.interval ?? ('interval' in begun ? begun.interval : undefined);
  useEffect(() => {
    if (seen.status !== 'pending') return;
    const look = async () => {
      try {
        setSeen({ ...(await api.consentStatus(connection, consent)) });
        setFailure(undefined);
      } catch (error) {
        // The person is still at it: what is away for a moment does not end their consent.
        setFailure(error as Failed);
        setSeen({ ...seen });
      }
    };
    const timer = setTimeout(look, pause === undefined ? LOOK_EVERY : pause * 1000);
    return () => clearTimeout(timer);
  }, [seen]);
  return { status: seen, failure };
}
