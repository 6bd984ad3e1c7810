import * as v from 'valibot';
import { checked, descriptions, exactly, whole } from './checked.ts';
import { ENDPOINTS, type Endpoint } from './counters.ts';
import { type Exchange, FAULTS, type FaultName } from './faults.ts';
import type { Answer } from './http.ts';
import type { Sabotage } from './sabotage.ts';

/** A fault as `PUT /_simulator/faults` takes it; the other members are the named fault's own. */
export interface FaultOrder {
  readonly fault: FaultName;
  /** Default: any. */
  readonly endpoint?: Endpoint;
  /** Only requests of this grant type; default: any. */
  readonly grant_type?: string;
  /** How many requests it spoils, default 1; 0: all of them until cleared. */
  readonly times?: number;
  readonly [option: string]: unknown;
}

const COMMON = {
  fault: v.picklist(Object.keys(FAULTS) as FaultName[]),
  endpoint: v.optional(v.pipe(v.picklist(ENDPOINTS), v.description('Default: any'))),
  grant_type: v.optional(v.pipe(v.string(), v.description('Only requests of this grant type'))),
  times: v.optional(whole(0, 1_000_000, 'Requests that it spoils (default 1; 0: until cleared)'), 1),
};

interface Planned {
  readonly order: FaultOrder;
  left: number;
  readonly act: (exchange: Exchange) => Promise<Answer | Sabotage>;
}

/** The faults that one simulated vendor is to commit, in order. */
export class FaultPlan {
  #planned: Planned[] = [];

  /** Replaces the plan. @throws BadControlInput, and then the plan stays as it was */
  set(orders: readonly unknown[]): void {
    this.#planned = orders.map(plan);
  }

  /** What is still to come, with the times that are left. */
  list(): FaultOrder[] {
    return this.#planned.map(({ order, left }) => ({ ...order, times: left }));
  }

  /** The first fault that fits this request, if any; it is used up by one. */
  take(endpoint: Endpoint, grantType: string | undefined): Planned['act'] | undefined {
    const fitting = this.#planned.find(
      ({ order }) =>
        (order.endpoint ?? endpoint) === endpoint && (order.grant_type ?? grantType) === grantType,
    );
    if (!fitting) return undefined;
    if (fitting.left === 1) this.#planned = this.#planned.filter((planned) => planned !== fitting);
    if (fitting.left > 1) fitting.left -= 1;
    return fitting.act;
  }
}

/** Every fault with what it does and what it takes. */
export function faultDescriptions(): object {
  return Object.fromEntries(
    Object.entries(FAULTS).map(([name, kind]) => [
      name,
      { does: kind.does, options: descriptions(kind.options) },
    ]),
  );
}

function plan(input: unknown): Planned {
  const { fault: name } = checked(v.looseObject({ fault: COMMON.fault }), input);
  const order = checked(exactly({ ...COMMON, ...FAULTS[name].options }), input) as FaultOrder;
  return { order, left: order.times ?? 1, act: FAULTS[name].bind(order) };
}
