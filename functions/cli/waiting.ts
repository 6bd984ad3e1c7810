import { spinner } from '@clack/prompts';
import { EXIT } from './failure.ts';
import { isInteractive, tell } from './terminal.ts';

/**
 * Shows that a person is waited for, with the time that is left: a spinner on a terminal, one line elsewhere.
 * @param endsAt milliseconds since the epoch
 */
export function startWaiting(endsAt: number): { stop(): void } {
  if (!isInteractive()) {
    tell('Waiting for your consent …');
    return { stop: () => undefined };
  }
  const spin = spinner({ output: process.stderr });
  spin.start(message(endsAt));
  // While it spins, the spinner reads the keyboard itself, and ends the process with 0 on Ctrl+C.
  process.on('exit', interrupted);
  const timer = setInterval(() => spin.message(message(endsAt)), 1000);
  return {
    stop() {
      clearInterval(timer);
      process.off('exit', interrupted);
      spin.clear();
    },
  };
}

function interrupted(): void {
  process.exitCode = EXIT.interrupted;
}

function message(endsAt: number): string {
  const left = Math.max(0, Math.round((endsAt - Date.now()) / 1000));
  return `Waiting for your consent … ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`;
}
