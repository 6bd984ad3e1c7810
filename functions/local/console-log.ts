/** Events as short lines for people who watch the local program; the deployed functions log them as JSON. */
import type { AuditRecord, BrokerEvent } from '../../shared/broker/events.ts';

/** Lines of this turn of the event loop, written together: one by one they cost a busy broker a tenth of its time. */
let waiting = '';
/** When the first of them was told. */
let time = '';
process.on('exit', flush);

export function consoleLog(event: BrokerEvent): void {
  const text = lineOf(event);
  if (!text) return;
  if (waiting === '') {
    setImmediate(flush);
    time = new Date().toISOString().slice(11, 19);
  }
  waiting += `${time}  ${text}\n`;
}

function flush(): void {
  process.stdout.write(waiting);
  waiting = '';
}

function lineOf(event: BrokerEvent): string | undefined {
  switch (event.type) {
    case 'audit':
      return auditLine(event);
    case 'grant':
      return `grant of ${event.connection} for ${JSON.stringify(event.subject)}: ${event.change.replace('_', ' ')}`;
    case 'unreadable_value':
      return `${event.connection}: ${event.detail}`;
    case 'cache_failed':
      return `${event.connection}: the tokens table failed (${event.operation}); going on without it`;
    case 'sweep':
      return event.due > 0
        ? `sweep: ${event.due} due, ${event.renewed} renewed, ${event.failed} failed, ${event.backlog} left`
        : undefined;
    default:
      return undefined;
  }
}

function auditLine({
  action,
  connection,
  outcome,
  source,
  principal,
  duration,
  detail,
}: AuditRecord): string {
  const result = outcome === 'success' ? (source ? `from ${source}` : 'ok') : `${outcome}: ${detail}`;
  const who = principal.split(':').at(-1);
  // The name is as the caller wrote it, who may have wanted to write more than one line.
  return `${action} ${JSON.stringify(connection).slice(1, -1)}  ${result}  (${who}, ${Math.round(duration)} ms)`;
}
