import type { IncomingMessage } from 'node:http';
import * as v from 'valibot';
import { BadControlInput, checked, exactly } from './checked.ts';
import { demoClients, type RegisteredClient } from './clients.ts';
import { faultDescriptions } from './fault-plan.ts';
import { type Answer, json, readBody } from './http.ts';
import { SETTING_DESCRIPTIONS } from './settings.ts';
import { CONTROL_PREFIX, type SimulatedVendor } from './simulated-vendor.ts';

const texts = v.array(v.string());
const registration = exactly({
  client_id: v.pipe(v.string(), v.minLength(1)),
  client_secret: v.optional(v.string()),
  public_key: v.optional(v.string()),
  grants: texts,
  scopes: texts,
  redirect_uris: v.optional(texts),
});
const grantOrder = exactly({
  client_id: v.string(),
  owner: v.optional(v.string(), 'user:demo'),
  scope: v.optional(v.string(), ''),
  redirect_uri: v.optional(v.string()),
});
const revocation = v.union(
  [exactly({ token: v.string() }), exactly({ all: v.literal(true) })],
  'Expected {"token": ACCESS OR REFRESH TOKEN} or {"all": true}',
);

type Operation = (vendor: SimulatedVendor, body: unknown) => unknown | Promise<unknown>;

/** Where a redirect fault leads by default: a client that arrives did follow it. */
const followed: Operation = (vendor) => vendor.counters.count('redirects_followed');

/** What can be done below the prefix; a result of `undefined` is answered with 204. */
const OPERATIONS: Record<string, Operation> = {
  'GET ': describe,
  'GET /requests': (vendor) => vendor.counters.snapshot(),
  'DELETE /requests': (vendor) => vendor.counters.reset(),
  'GET /faults': (vendor) => vendor.faults(),
  'PUT /faults': (vendor, body) => {
    vendor.setFault(...((Array.isArray(body) ? body : [body]) as Parameters<typeof vendor.setFault>));
    return vendor.faults();
  },
  'DELETE /faults': (vendor) => vendor.setFault(),
  'GET /settings': (vendor) => vendor.settings(),
  'PUT /settings': (vendor, body) => vendor.set(body as Parameters<typeof vendor.set>[0]),
  'GET /clients': (vendor) => vendor.clientSecrets(),
  'PUT /clients': (vendor, body) => vendor.registerClient(registered(checked(registration, body))),
  'POST /grants': (vendor, body) => {
    const { client_id, owner, scope, redirect_uri } = checked(grantOrder, body);
    return vendor.issueGrant({
      clientId: client_id,
      owner,
      scopes: scope.split(' ').filter(Boolean),
      ...(redirect_uri === undefined ? {} : { redirectUri: redirect_uri }),
    });
  },
  'POST /revoke': (vendor, body) => {
    const order = checked(revocation, body);
    if ('all' in order) return vendor.revokeAll();
    if (!vendor.revoke(order.token)) throw new BadControlInput('token: unknown to this vendor');
  },
  'GET /followed': followed,
  'POST /followed': followed,
};

/** One request to the control surface. Bad input is answered 400, saying what is allowed. */
export async function control(
  vendor: SimulatedVendor,
  path: string,
  request: IncomingMessage,
): Promise<Answer> {
  const operation = OPERATIONS[`${request.method} ${path.slice(CONTROL_PREFIX.length).replace(/\/$/, '')}`];
  if (!operation) {
    const known = Object.keys(OPERATIONS).map((name) => name.replace(' ', ` ${CONTROL_PREFIX}`));
    return failure(404, `Known here: ${known.join(', ')}.`);
  }
  try {
    const body = operation === followed ? undefined : await controlBody(request);
    const result = await operation(vendor, body);
    return result === undefined ? { status: 204, headers: {}, body: '' } : json(200, result);
  } catch (error) {
    if (error instanceof BadControlInput) return failure(400, error.message);
    throw error;
  }
}

function failure(status: number, description: string): Answer {
  return json(status, { error: 'invalid_request', error_description: description });
}

/** Read as JSON whatever its content type says, so that `curl --data` will do. */
async function controlBody(request: IncomingMessage): Promise<unknown> {
  const text = (await readBody(request)).toString();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new BadControlInput('Expected a JSON body');
  }
}

function registered(input: v.InferOutput<typeof registration>): RegisteredClient {
  return {
    clientId: input.client_id,
    grants: input.grants,
    scopes: input.scopes,
    ...(input.client_secret === undefined ? {} : { clientSecret: input.client_secret }),
    ...(input.public_key === undefined ? {} : { publicKey: input.public_key }),
    ...(input.redirect_uris === undefined ? {} : { redirectUris: input.redirect_uris }),
  };
}

function describe(vendor: SimulatedVendor): object {
  return {
    vendor: vendor.name,
    endpoints: vendor.endpoints(),
    clients: Object.values(demoClients(vendor.name)).map(({ clientId }) => clientId),
    settings: vendor.settings(),
    settings_help: SETTING_DESCRIPTIONS,
    faults: vendor.faults(),
    faults_help: {
      common:
        'fault, endpoint?, grant_type?, times? (default 1; 0: until cleared); an array is done in order',
      ...faultDescriptions(),
    },
  };
}
