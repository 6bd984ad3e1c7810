import { useState } from 'preact/hooks';
import type { RevokeAnswer } from '../../../shared/contract/messages.ts';
import { outcomeOfRevoking } from '../../cli/words.ts';
import { api } from './api.ts';
import { useAction } from './loading.ts';
import { Dialog, Problem } from './parts.tsx';

interface Props {
  readonly connection: string;
  readonly subject: string;
  onClose(): void;
}

export function RevokeDialog({ connection, subject, onClose }: Props) {
  const [answer, setAnswer] = useState<RevokeAnswer>();
  const { run, busy, failure } = useAction(async () => setAnswer(await api.revoke(connection, subject)));
  return (
    <Dialog title={`Revoke the grant of ${subject}?`} onClose={onClose}>
      <p>
        {answer
          ? `${connection}, ${subject}: ${outcomeOfRevoking(answer)}.`
          : `${connection} stops giving tokens for ${subject} until somebody consents again.`}
      </p>
      <Problem failure={failure} />
      <form method="dialog" class="buttons">
        {!answer && (
          <button type="button" class="danger" disabled={busy} onClick={run}>
            Revoke
          </button>
        )}
        <button type="submit" class="plain">
          {answer ? 'Close' : 'Keep it'}
        </button>
      </form>
    </Dialog>
  );
}
