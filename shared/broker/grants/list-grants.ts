/** The grants of a connection, page by page: to each caller those of the subjects that its rule admits. */
import { BrokerError } from '../../contract/errors.ts';
import type { GrantListAnswer } from '../../contract/messages.ts';
import type { Permitted } from '../audit.ts';
import type { GrantOutline, GrantsTable } from '../ports.ts';
import { type Found, isGrant, type Span } from '../request.ts';
import { shownGrant } from './describe.ts';

export interface ListGrantsRequest extends Found, Span {
  readonly limit: number;
  /** As an earlier answer gave it. */
  readonly cursor?: string;
  /** It is for no one subject. */
  readonly subject?: never;
}

export function grantLister({
  grants,
}: {
  grants: GrantsTable;
}): Permitted<ListGrantsRequest, GrantListAnswer> {
  return async (request, _note, { subjects }) => {
    const { connection, limit } = request;
    if (!isGrant(connection))
      throw new BrokerError(
        'invalid_request',
        `This connection acts for itself (${connection.grant}): it has no grants.`,
      );
    const after = request.cursor === undefined ? undefined : subjectIn(request.cursor, connection.name);
    const found = await someAfter(connection.name, limit + 1, after, subjects);
    const shown = found.slice(0, limit);
    const more = found.length > limit && shown.at(-1);
    return {
      grants: shown.map((outline) => shownGrant(request, outline)),
      ...(more && { cursor: cursorOf(connection.name, more.subject) }),
    };
  };

  /** Forgotten grants whose place is still held are none: others are looked for in their stead. */
  async function someAfter(
    connection: string,
    limit: number,
    after: string | undefined,
    subjects: readonly string[] | undefined,
  ): Promise<GrantOutline[]> {
    const page = await pageAfter(connection, limit, after, subjects);
    const live = page.filter(({ status }) => status !== 'forgotten');
    const missing = limit - live.length;
    if (page.length < limit || missing === 0) return live;
    return [...live, ...(await someAfter(connection, missing, page.at(-1)!.subject, subjects))];
  }

  /** By subject, `limit` at most. A caller who is limited to some subjects learns nothing of the others, not even from a cursor. */
  async function pageAfter(
    connection: string,
    limit: number,
    after: string | undefined,
    subjects: readonly string[] | undefined,
  ): Promise<GrantOutline[]> {
    if (!subjects) return grants.outlines(connection, limit, after);
    const page: GrantOutline[] = [];
    for (const subject of subjects.toSorted(bySubject)) {
      if (page.length === limit) break;
      const outline = isAfter(subject, after) && (await grants.outline({ connection, subject }));
      if (outline) page.push(outline);
    }
    return page;
  }
}

/** As DynamoDB sorts them: by their UTF-8 bytes. */
export function bySubject(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isAfter(subject: string, after: string | undefined): boolean {
  return after === undefined || bySubject(subject, after) > 0;
}

function cursorOf(connection: string, subject: string): string {
  return Buffer.from(JSON.stringify([connection, subject])).toString('base64url');
}

/** @throws BrokerError `invalid_request` when it is none that this connection has given */
function subjectIn(cursor: string, connection: string): string {
  try {
    const [of, subject] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (of === connection && typeof subject === 'string' && subject !== '') return subject;
  } catch {
    // Told below, as every other mistake.
  }
  throw new BrokerError(
    'invalid_request',
    'cursor: must be the "cursor" of an earlier answer for this connection, as it was.',
  );
}
