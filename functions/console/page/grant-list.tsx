import { useEffect, useState } from 'preact/hooks';
import type { GrantAnswer } from '../../../shared/contract/messages.ts';
import { fromNow } from '../../cli/words.ts';
import { ConnectDialog } from './connect-dialog.tsx';
import { CloseButton, Dialog, LastFailure, Problem, State, TimeLeft } from './parts.tsx';
import { RevokeDialog } from './revoke-dialog.tsx';
import { inWords, toneOfGrant } from './states.ts';
import { TryIt } from './try-it.tsx';
import { useGrants } from './use-grants.ts';

type Open = { readonly kind: 'connect' | 'replace' | 'revoke' | 'try'; readonly subject?: string };

export function GrantList({ connection }: { connection: string }) {
  const { grants, more, reload, busy, failure } = useGrants(connection);
  const [wanted, setWanted] = useState('');
  const [open, setOpen] = useState<Open>();
  const close = () => {
    setOpen(undefined);
    reload();
  };
  const shown = grants?.filter(({ subject }) => subject.toLowerCase().includes(wanted.toLowerCase()));
  const isLookingOn = wanted !== '' && shown?.length === 0 && more !== undefined && !failure && !busy;
  useEffect(() => {
    if (isLookingOn) more();
  }, [isLookingOn]);
  return (
    <section aria-labelledby="grants">
      <div class="title">
        <h2 id="grants">Grants</h2>
        <button type="button" onClick={() => setOpen({ kind: 'connect' })}>
          Connect
        </button>
      </div>
      {grants && grants.length > 1 && (
        <label class="search">
          Subject
          <input type="search" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        </label>
      )}
      <Problem failure={failure} />
      {grants?.length === 0 && <p>Nobody has consented yet.</p>}
      {grants && grants.length > 0 && shown?.length === 0 && (
        <p role="status">
          None of {grants.length}
          {more && ' so far'} has “{wanted}” in its subject.
        </p>
      )}
      <ul class="rows">
        {shown?.map((grant) => (
          <Row key={grant.subject} {...{ connection, grant }} onOpen={setOpen} />
        ))}
      </ul>
      {more && (
        <p>
          <button type="button" class="plain" disabled={busy} onClick={more}>
            More
          </button>
        </p>
      )}
      {open && <Opened {...{ connection, open }} onClose={close} />}
    </section>
  );
}

interface RowProps {
  readonly connection: string;
  readonly grant: GrantAnswer;
  onOpen(what: Open): void;
}

function Row({ connection, grant, onOpen }: RowProps) {
  const { subject, grant_status, expires_at, last_refresh_at, consented_at, consented_by } = grant;
  const { refresh_token_expires_at, expiring, last_failure } = grant;
  const mend = grant_status === 'consent_required' ? 'Replace it: somebody must consent again.' : undefined;
  const since = last_refresh_at ?? consented_at;
  const button = (kind: Open['kind'], label: string) => (
    <button
      type="button"
      class="plain"
      aria-label={`${label}: ${subject}`}
      onClick={() => onOpen({ kind, subject })}
    >
      {label}
    </button>
  );
  return (
    <li class="row grant">
      <span class="main">{subject}</span>
      <span class="small about">
        <time dateTime={consented_at} title={new Date(consented_at).toLocaleString()}>
          consented {fromNow(consented_at)}
        </time>{' '}
        by <span title={consented_by}>{consented_by.split(':').at(-1)}</span>
      </span>
      <span class="how">
        <State tone={expiring ? 'attention' : toneOfGrant(grant_status)}>
          {expiring ? 'ends soon' : inWords(grant_status)}
        </State>
      </span>
      <span class="time">
        <TimeLeft until={expires_at} since={since} />
        {refresh_token_expires_at && <TimeLeft until={refresh_token_expires_at} since={since} what="grant" />}
      </span>
      <span class="actions">
        {button('try', 'Try it')}
        {button('replace', 'Replace')}
        {button('revoke', 'Revoke')}
      </span>
      {last_failure && <LastFailure {...{ connection, mend }} failure={last_failure} />}
    </li>
  );
}

interface OpenedProps {
  readonly connection: string;
  readonly open: Open;
  onClose(): void;
}

function Opened({ connection, open: { kind, subject }, onClose }: OpenedProps) {
  switch (kind) {
    case 'try':
      return (
        <Dialog title={`Try ${connection} for ${subject}`} onClose={onClose}>
          <TryIt connection={connection} subject={subject!} />
          <CloseButton />
        </Dialog>
      );
    case 'revoke':
      return <RevokeDialog {...{ connection, onClose }} subject={subject!} />;
    default:
      return (
        <ConnectDialog {...{ connection, onClose }} {...(subject !== undefined && { replaced: subject })} />
      );
  }
}
