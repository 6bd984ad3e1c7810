import { useState } from 'preact/hooks';
import { fromNow } from '../../cli/words.ts';
import type { TriedToken } from '../messages.ts';
import { api } from './api.ts';
import { useAction } from './loading.ts';
import { Facts, Problem } from './parts.tsx';

interface Props {
  readonly connection: string;
  readonly subject?: string;
}

/** A token as any caller gets it; the page does not have it itself until somebody asks for that. */
export function TryIt({ connection, subject }: Props) {
  const [token, setToken] = useState<TriedToken>();
  const { run, busy, failure } = useAction(async (shown: boolean) =>
    setToken(await api.token(connection, subject === undefined ? {} : { subject }, shown)),
  );
  return (
    <>
      <p>
        <button type="button" disabled={busy} onClick={() => run(false)}>
          Get a token
        </button>
      </p>
      <Problem failure={failure} />
      <div aria-live="polite">{token && <Tried token={token} />}</div>
      {token && token.access_token === undefined && (
        <p>
          <button type="button" class="plain" disabled={busy} onClick={() => run(true)}>
            Show the token itself
          </button>
        </p>
      )}
    </>
  );
}

const SOURCES = { memory: 'memory', table: 'the table', vendor: 'the vendor, just now' };

function Tried({ token }: { token: TriedToken }) {
  const { expires_at, minted_at, source, scope, fingerprint, warning, header, claims, access_token } = token;
  return (
    <>
      {warning && <p class="warning">{warning}</p>}
      <Facts
        pairs={{
          From: SOURCES[source],
          Expires: fromNow(expires_at),
          Minted: fromNow(minted_at),
          Scope: scope,
          Fingerprint: <code>{fingerprint}</code>,
        }}
      />
      {claims ? (
        <figure>
          <figcaption>What it says (decoded, not verified)</figcaption>
          <pre>{JSON.stringify({ header, claims }, undefined, 2)}</pre>
        </figure>
      ) : (
        <p class="small">It is opaque: only the vendor can read it.</p>
      )}
      {access_token !== undefined && (
        <figure>
          <figcaption>The token: who has it can use it</figcaption>
          <pre class="secret">{access_token}</pre>
        </figure>
      )}
    </>
  );
}
