/** Errors in the shape that AWS's protocols give them, JSON or a Query's XML, so that every SDK names them as it would AWS's. */
import { randomUUID } from 'node:crypto';
import { type Answer, jsonAnswer } from '../http.ts';

/** An error that the emulated service means its caller to see. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  /** AWS's name of the error, e.g. `ResourceNotFoundException`. */
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function errorAnswer({ code, message, status }: AwsError): Answer {
  // Services spell the member both ways; clients read either.
  return awsAnswer(
    status,
    { __type: code, Type: 'User', message, Message: message },
    { 'x-amzn-errortype': code },
  );
}

export function awsAnswer(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return jsonAnswer(status, value, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
    ...headers,
  });
}

/** Of the Query protocol. */
export function queryErrorAnswer({ code, message, status }: AwsError): Answer {
  const escaped = message.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${escaped}</Message></Error>`;
  return xmlAnswer(status, `<ErrorResponse>${error}<RequestId>${randomUUID()}</RequestId></ErrorResponse>`);
}

export function xmlAnswer(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/xml' }, body };
}
