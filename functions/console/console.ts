/** The console as a server sees it: the page's files for everybody, and answers for whoever has the key. */
import { asFailure } from '../cli/as-failure.ts';
import type { Finding } from '../cli/doctor/check.ts';
import { examine } from '../cli/doctor/examine.ts';
import type { Target } from '../cli/target.ts';
import { type Answer, jsonAnswer, type Received } from '../local/http.ts';
import { accessOf, BadQuestion, type Connections, judge } from './access.ts';
import { brokerCall } from './broker-routes.ts';
import { buildPage } from './build-page.ts';
import { refusalOf } from './guard.ts';
import { objectIn } from './json-body.ts';
import {
  type About,
  type AccessQuestion,
  type ActivitySource,
  API_PREFIX,
  type ConsoleError,
  type DoctorAnswer,
  type VendorsAnswer,
} from './messages.ts';
import { HEADERS, pageAnswer } from './page-answers.ts';
import { BadFaults, describeVendors, type Origins, resetCounts, setFaults } from './vendors.ts';

export interface ConsoleOptions {
  /** The broker that it is for, with the operator's credentials. */
  readonly target: Target;
  /** What a page must have to be answered. */
  readonly key: string;
  /** What it did lately. */
  readonly activity: ActivitySource;
  /** Of vendors that are simulated. */
  readonly vendors?: Origins;
  /** As the broker has them, or as the file has from which it was deployed. */
  readonly connections?: Connections;
  /** Path of that file, which doctor compares with what is deployed. */
  readonly file?: string;
}

/** Answers every request for a path of the console's (`isConsolePath`). */
export type Console = (request: Received) => Promise<Answer>;

export function createConsole(options: ConsoleOptions): Console {
  let building: ReturnType<typeof buildPage> | undefined;
  const page = () => {
    building ??= buildPage();
    return building;
  };
  return async (request) => {
    const { method, rawPath } = request;
    if (rawPath.startsWith(API_PREFIX)) return answerOf(request, options);
    return (method === 'GET' && (await pageAnswer(rawPath, page))) || notHere();
  };
}

async function answerOf(request: Received, options: ConsoleOptions): Promise<Answer> {
  const refusal = refusalOf(request, options.key);
  if (refusal !== undefined) return failed(403, { message: refusal });
  if (request.tooLarge) return failed(413, { message: 'The request is too large.' });
  try {
    return await operate(request, options);
  } catch (error) {
    if (error instanceof BadFaults || error instanceof BadQuestion)
      return failed(400, { message: error.message });
    const { message, next } = asFailure(error);
    return failed(502, { message, ...(next !== undefined && { next }) });
  }
}

async function operate(request: Received, options: ConsoleOptions): Promise<Answer> {
  const path = request.rawPath.slice(API_PREFIX.length);
  const { target, activity } = options;
  if (path.startsWith('broker/')) {
    const call = brokerCall(request, path.slice('broker'.length));
    return call ? answered(await call.send(target.api)) : notHere();
  }
  if (path.startsWith('access/')) return answerAccess(request, path, options.connections);
  if (path.startsWith('vendors/')) return changeVendor(request, path, options.vendors ?? {});
  switch (`${request.method} ${path}`) {
    case 'GET about':
      return answered(aboutOf(options));
    case 'GET doctor':
      return answered(await diagnose(options));
    case 'GET activity':
      return answered(await activity.answer(afterOf(request)));
    case 'GET vendors':
      return answered({ vendors: await describeVendors(options.vendors ?? {}) } satisfies VendorsAnswer);
    default:
      return notHere();
  }
}

function aboutOf({ target, vendors, connections }: ConsoleOptions): About {
  return {
    broker: target.endpoint.host,
    isLocal: target.isLocal,
    watched: target.isLocal ? 'process' : 'logs',
    simulated: vendors !== undefined,
    access: connections !== undefined,
  };
}

async function diagnose({ target, file }: ConsoleOptions): Promise<DoctorAnswer> {
  const findings: Finding[] = [];
  await examine({ file, find: async () => target, report: (finding) => findings.push(finding) });
  return { findings };
}

function afterOf({ rawQuery }: Received): number {
  return Number(new URLSearchParams(rawQuery).get('after') ?? 0);
}

function answerAccess(
  { method, body }: Received,
  path: string,
  connections: Connections = new Map(),
): Answer {
  const connection = connections.get(path.slice('access/'.length));
  if (!connection) return notHere();
  if (method === 'GET') return answered(accessOf(connection));
  const asked = method === 'POST' && objectIn(body);
  return asked ? answered(judge(connections, connection, asked as AccessQuestion)) : notHere();
}

async function changeVendor(request: Received, path: string, vendors: Origins): Promise<Answer> {
  const [, name = '', part] = path.split('/');
  const origin = Object.hasOwn(vendors, name) ? vendors[name] : undefined;
  if (origin === undefined) return notHere();
  switch (`${request.method} ${part}`) {
    case 'PUT faults':
      await setFaults(origin, request.body.toString());
      break;
    case 'DELETE counts':
      await resetCounts(origin);
      break;
    default:
      return notHere();
  }
  return answered({ vendors: await describeVendors(vendors) } satisfies VendorsAnswer);
}

function answered(value: unknown): Answer {
  return jsonAnswer(200, value, HEADERS);
}

function notHere(): Answer {
  return failed(404, { message: 'The console does not do this.' });
}

function failed(status: number, error: ConsoleError): Answer {
  return jsonAnswer(status, error, HEADERS);
}
