import { useState } from 'preact/hooks';
import { ACTIONS, type Action } from '../../../shared/contract/messages.ts';
import type { AccessAnswer, AccessVerdict } from '../messages.ts';
import { api } from './api.ts';
import { useAction, useLoaded } from './loading.ts';
import { Problem, State } from './parts.tsx';

/** Who may use a connection, and whether somebody in particular may. */
export function Access({ connection }: { connection: string }) {
  const { value, failure } = useLoaded(() => api.access(connection), [connection]);
  return (
    <section aria-labelledby="access">
      <h2 id="access">Who may use it</h2>
      <Problem failure={failure} />
      {value && <Callers {...value} />}
      <Question connection={connection} />
    </section>
  );
}

function Callers({ callers, direct_invoke }: AccessAnswer) {
  return (
    <>
      {callers ? (
        <ul class="rows">
          {callers.map(({ principal, actions, scopes, subjects }) => (
            <li key={principal + actions.join()} class="row caller">
              <code>{principal}</code>
              <span>{actions.join(', ')}</span>
              <span class="small">
                {scopes && `scopes ${scopes.join(' ')}`}
                {subjects && ` for ${subjects.join(', ')}`}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p>Everybody whom IAM lets call its routes: it has no “callers”.</p>
      )}
      <p class="small">
        {direct_invoke
          ? 'Who may invoke its Lambda alias gets tokens too.'
          : 'Direct invoke of its Lambda alias is refused.'}
      </p>
    </>
  );
}

function Question({ connection }: { connection: string }) {
  const [verdict, setVerdict] = useState<AccessVerdict>();
  const { run, busy, failure } = useAction(async (form: FormData) => {
    setVerdict(undefined);
    const given = Object.fromEntries([...form].filter(([, value]) => value !== '')) as Record<string, string>;
    const { principal = '', action, ...others } = given;
    setVerdict(await api.mayDo(connection, { principal, action: action as Action, ...others }));
  });
  return (
    <form
      class="question"
      onChange={() => setVerdict(undefined)}
      onSubmit={(event) => {
        event.preventDefault();
        run(new FormData(event.currentTarget));
      }}
    >
      <label class="wide">
        May
        <input
          name="principal"
          required
          placeholder="arn:aws:iam::111122223333:role/NAME"
          autocomplete="off"
        />
      </label>
      <label>
        do
        <select name="action">
          {ACTIONS.map((action) => (
            <option key={action}>{action}</option>
          ))}
        </select>
      </label>
      <label>
        with scope
        <input name="scope" placeholder="the default" autocomplete="off" />
      </label>
      <label>
        for
        <input name="subject" placeholder="any subject" autocomplete="off" />
      </label>
      <button type="submit" class="plain" disabled={busy}>
        Ask
      </button>
      <div class="wide" role="status">
        {verdict && (
          <p>
            <State tone={verdict.allowed ? 'good' : 'bad'}>{verdict.allowed ? 'yes' : 'no'}</State>{' '}
            {verdict.why}
          </p>
        )}
      </div>
      <Problem failure={failure} />
    </form>
  );
}
