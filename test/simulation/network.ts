/** Requests to the vendor, as they travel: `shared/oauth/exchange.ts` in everything but the sockets. */
import { VendorError } from '../../shared/contract/errors.ts';
import type { Answer, Exchange } from '../../shared/oauth/exchange.ts';
import type { History, VendorExchange } from './history.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedVendor, VendorAnswer } from './vendor.ts';
import type { Weather } from './weather.ts';

export interface NetworkParts {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly history: History;
  readonly vendor: SimulatedVendor;
  /** Called just before a process goes on with tokens from the vendor. */
  readonly strike: (process: SimulatedProcess) => void;
}

const HOST = 'as.example';

export class Network {
  readonly #parts: NetworkParts;
  #exchanges = 0;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
  }

  /** How one process reaches the vendor. */
  of(process: SimulatedProcess): Exchange {
    return (request, budget) => {
      const { scheduler, weather, history, vendor } = this.#parts;
      const { random } = weather;
      const time = Math.min(budget.attemptTimeout, budget.deadline - budget.clock.now());
      if (time <= 0) return Promise.reject(unsent());
      // Each connection has endpoints of its own at the one server: `/CONNECTION/token`.
      const [, connection = '', endpoint = ''] = new URL(request.url).pathname.split('/');
      const parameters = new URLSearchParams(Buffer.from(request.body ?? []).toString());
      const record = this.#record(process, connection, endpoint, parameters);
      history.add(record);
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      let over = false;
      const end = (settle: () => void) => {
        if (over) return;
        over = true;
        timer.cancelled = true;
        settle();
      };
      const fail = () =>
        end(() => {
          record.failedAt = scheduler.now;
          reject(record.sentAt === undefined ? unsent() : unanswered());
        });
      const timer = scheduler.after(time, () => process.resume(fail));

      const send = () => {
        if (over) return;
        const { fault } = record;
        const now = budget.clock.now();
        if (fault === 'unreachable' || now >= budget.deadline) return end(() => reject(unsent()));
        record.sentAt = scheduler.now;
        record.sentLocally = now;
        if (fault === 'request lost') return;
        const delay = fault === 'slow' ? random.pick([500, 4_000, 9_000, 12_000]) : 0;
        scheduler.after(random.between(2, 40) + delay, () => arrive(now));
      };
      const arrive = (sentAt: number) => {
        const { fault } = record;
        record.actedAt = scheduler.now;
        const answer: VendorAnswer =
          fault === 'throttled'
            ? { status: 429, body: {} }
            : fault === 'unavailable'
              ? { status: 503, body: {} }
              : vendor.handle(`/${endpoint}`, parameters, record, connection);
        record.status = answer.status;
        if (typeof answer.body.error === 'string') record.error = answer.body.error;
        const back = random.between(2, 20);
        if (fault === 'answer lost') {
          if (random.chance(0.5)) scheduler.after(back, () => process.resume(fail));
          return;
        }
        const goOn = () => {
          if (fault === 'broken' || fault === 'garbled') record.failedAt = scheduler.now;
          else record.deliveredAt = scheduler.now;
          resolve(readable(answer, fault, sentAt));
        };
        const deliver = () => {
          if (record.refreshToken) this.#parts.strike(process);
          process.resume(goOn);
        };
        scheduler.after(back, () => process.resume(() => end(deliver)));
      };
      scheduler.after(random.between(2, 30), () => process.resume(send));
      return promise;
    };
  }

  #record(
    process: SimulatedProcess,
    connection: string,
    endpoint: string,
    parameters: URLSearchParams,
  ): VendorExchange {
    const { scheduler, weather } = this.#parts;
    const fault = weather.ofVendor(scheduler.now);
    const presented = ['refresh_token', 'code', 'device_code', 'token'].map((name) => parameters.get(name));
    const token = presented.find((value) => value !== null);
    const scope = parameters.get('scope');
    this.#exchanges += 1;
    return {
      type: 'exchange',
      id: this.#exchanges,
      at: scheduler.now,
      process: process.name,
      purpose: `${connection} ${parameters.get('grant_type') ?? endpoint}`,
      ...(fault && { fault }),
      ...(token && { presented: token }),
      ...(scope !== null && { scope }),
    };
  }
}

function readable({ status, body }: VendorAnswer, fault: string | undefined, sentAt: number): Answer {
  const text = JSON.stringify(body);
  return {
    host: HOST,
    status: fault === 'broken' ? 500 : status,
    body: fault === 'garbled' ? text.slice(0, text.length / 2) : text,
    retryAfter: undefined,
    sentAt,
    echoesSecret: () => false,
  };
}

function unsent(): VendorError {
  return new VendorError('vendor_unavailable', `${HOST} could not be reached.`);
}

function unanswered(): VendorError {
  return new VendorError('vendor_unavailable', `${HOST} did not answer.`, { ambiguous: true });
}
