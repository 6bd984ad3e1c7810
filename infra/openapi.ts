/** The HTTP API as OpenAPI 3.1, for those who generate a client or call without one: from `shared/contract` alone. */
import { type ConversionConfig, toJsonSchemaDefs } from '@valibot/to-json-schema';
import * as v from 'valibot';
import {
  connectionAnswer,
  connectionListAnswer,
  consentAnswer,
  consentStatusAnswer,
  errorAnswer,
  gatewayAnswer,
  grantAnswer,
  grantListAnswer,
  jwkSetAnswer,
  lastFailure,
  revokeAnswer,
  tokenAnswer,
  userinfoAnswer,
} from '../shared/contract/answers.ts';
import { ERROR_CODES, type ErrorCode } from '../shared/contract/errors.ts';
import { CONNECTION_NAME, GRANTS_A_PAGE, MOST_GRANTS_A_PAGE } from '../shared/contract/messages.ts';
import { isCallerRoute, PARAMETERS, partsOf, ROUTES, type RouteKey } from '../shared/contract/routes.ts';
import {
  consentCompletion,
  consentRequest,
  MOST_PARAMS,
  PARAM_NAME,
  params,
  subject,
  tokenRequest,
} from '../shared/contract/schemas.ts';
import { unicodePattern } from './connections-schema.ts';

const ERROR_STATUSES = [...new Set(Object.values(ERROR_CODES).map(({ status }) => status))].sort();

/** Those that API Gateway answers by itself, too. */
const OF_THE_GATEWAY = [400, 403, 429, 500, 503];

const SCHEMAS = {
  TokenRequest: tokenRequest,
  ConsentRequest: consentRequest,
  ConsentCompletion: consentCompletion,
  Token: tokenAnswer,
  ConnectionList: connectionListAnswer,
  Connection: connectionAnswer,
  Userinfo: userinfoAnswer,
  LastFailure: lastFailure,
  Grant: grantAnswer,
  GrantList: grantListAnswer,
  Consent: consentAnswer,
  ConsentStatus: consentStatusAnswer,
  Revocation: revokeAnswer,
  JwkSet: jwkSetAnswer,
  GatewayError: gatewayAnswer,
  Error: errorAnswer,
  // Parameters.
  ConnectionName: v.pipe(v.string(), v.regex(CONNECTION_NAME)),
  Subject: subject,
  ConsentId: v.pipe(v.string(), v.regex(PARAMETERS.consent)),
  ConsentSecret: v.pipe(v.string(), v.regex(PARAMETERS.secret)),
};
type SchemaName = keyof typeof SCHEMAS;

interface Parameter {
  readonly schema: SchemaName | object;
  readonly description: string;
}

const PATH_PARAMETERS: Readonly<Record<keyof typeof PARAMETERS, Parameter>> = {
  connection: { schema: 'ConnectionName', description: 'Name of the connection.' },
  consent: { schema: 'ConsentId', description: '`consent` of the answer that began it.' },
  subject: { schema: 'Subject', description: 'Whose grant; `default` where a connection has just one.' },
  secret: { schema: 'ConsentSecret', description: 'As in `consent_url`.' },
};

interface Described {
  readonly summary: string;
  readonly description?: string;
  readonly query?: Readonly<Record<string, Parameter>>;
  readonly request?: SchemaName;
}
interface CallerOperation extends Described {
  readonly answer: SchemaName;
}
/** A page: its HTTP statuses are for programs, its text is for people. */
interface Page extends Described {
  readonly id?: string;
  readonly statuses: readonly number[];
}
/** For programs that do not sign. */
interface Document extends Described {
  readonly document: SchemaName;
  readonly type: string;
}

const QUERIED_SUBJECT = {
  subject: { schema: 'Subject', description: 'Whose grant, for connections that act for people.' },
} as const;

const CALLBACK = {
  summary: 'Finishes a consent in the browser that began it, and shows how it ended.',
  description: 'The vendor sends the browser here, with the parameters of RFC 6749 §4.1.2 and RFC 9207.',
  statuses: [200, 400, 403, 404, 410, 500, 503],
} as const;

type Operations = {
  readonly [Key in RouteKey]: (typeof ROUTES)[Key] extends { readonly public: true }
    ? Page | Document
    : CallerOperation;
};

const OPERATIONS: Operations = {
  'POST /connections/{connection}/token': {
    summary: 'A token that is valid now.',
    description:
      '`subject`: whose grant. `scope`: among those of the connection. `params`: the claims that a scope needs. `min_ttl`: ' +
      "the life it should have left. `rejected`: the fingerprint of a token that the vendor's API refused.",
    request: 'TokenRequest',
    answer: 'Token',
  },
  'GET /connections': {
    summary: 'The connections that the caller may read, with their state.',
    answer: 'ConnectionList',
  },
  'GET /connections/{connection}': {
    summary: 'One connection, with its state.',
    query: QUERIED_SUBJECT,
    answer: 'Connection',
  },
  'GET /connections/{connection}/userinfo': {
    summary: "Whose the connection's token is, where the vendor tells.",
    query: QUERIED_SUBJECT,
    answer: 'Userinfo',
  },
  'GET /connections/{connection}/grants': {
    summary: 'A page of its grants, by subject: those that the caller may see.',
    query: {
      limit: {
        schema: { type: 'integer', minimum: 1, maximum: MOST_GRANTS_A_PAGE, default: GRANTS_A_PAGE },
        description: 'How many at most.',
      },
      cursor: { schema: { type: 'string' }, description: '`cursor` of the page before.' },
    },
    answer: 'GrantList',
  },
  'POST /connections/{connection}/consent': {
    summary: 'Begins a consent: somebody opens `consent_url`.',
    description: '`replace`: although there is a live grant. `return_to`: where its last page links to.',
    request: 'ConsentRequest',
    answer: 'Consent',
  },
  'POST /connections/{connection}/consent/{consent}': {
    summary: 'How far a consent is; with `code`, finishes one whose vendor shows a code.',
    request: 'ConsentCompletion',
    answer: 'ConsentStatus',
  },
  'DELETE /connections/{connection}/grants/{subject}': {
    summary: 'Ends a grant: at the vendor where it can, then at the broker.',
    query: {
      force: {
        schema: { type: 'boolean', default: false },
        description: 'Forgets it although the vendor cannot be told.',
      },
    },
    answer: 'Revocation',
  },
  'GET /consent/{secret}': {
    summary: 'The page of a consent: who asks for what.',
    statuses: [200, 403, 404, 410, 500, 503],
  },
  'POST /consent/{secret}': {
    summary: 'Goes on to the vendor, or takes the code that it showed.',
    statuses: [200, 303, 400, 403, 404, 410, 500, 503],
  },
  'GET /callback/{connection}': CALLBACK,
  'GET /callback': { ...CALLBACK, id: 'callbackOfAll' },
  'GET /jwks/{connection}': {
    summary: 'The public keys by which a vendor knows the broker, where the connection serves them.',
    description:
      'A JWK set (RFC 7517 §5) of the keys that sign, and of the next one. It may be kept for five minutes.',
    document: 'JwkSet',
    type: 'application/jwk-set+json',
  },
};

/** @param version of the package */
export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const key of Object.keys(ROUTES) as RouteKey[]) {
    const { method, path } = partsOf(key);
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(key) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Token broker',
      version,
      description:
        'Short-lived access tokens for vendor APIs. Requests are signed with AWS Signature Version 4.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [
      {
        url: 'https://{api}.execute-api.{region}.amazonaws.com',
        description: 'A deployment.',
        variables: { api: { default: 'abcdefghij' }, region: { default: 'us-east-1' } },
      },
      { url: 'http://127.0.0.1:8787', description: 'The broker on one machine.' },
    ],
    security: [{ sigv4: [] }],
    paths,
    components: {
      securitySchemes: {
        // As API Gateway exports it.
        sigv4: {
          type: 'apiKey',
          name: 'Authorization',
          in: 'header',
          'x-amazon-apigateway-authtype': 'awsSigv4',
          description: 'AWS Signature Version 4 for the service `execute-api`.',
        },
      },
      schemas: toJsonSchemaDefs(SCHEMAS, CONVERSION),
      responses: Object.fromEntries(ERROR_STATUSES.map((status) => [`Error${status}`, errorOf(status)])),
    },
  };
}

const refTo = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const CONVERSION: ConversionConfig = {
  target: 'draft-2020-12',
  // What is before the last schema of a pipe has no JSON Schema; the last one says the same shape.
  typeMode: 'output',
  overrideRef: ({ referenceId }) => refTo(referenceId).$ref,
  overrideSchema: ({ valibotSchema, jsonSchema }) =>
    valibotSchema === params.pipe[1]
      ? { ...jsonSchema, maxProperties: MOST_PARAMS, propertyNames: { pattern: PARAM_NAME.source } }
      : undefined,
  overrideAction: ({ valibotAction, jsonSchema }) => {
    const { message } = valibotAction as { readonly message?: unknown };
    // What the broker says of a value that it refuses is what is allowed.
    const description = typeof message === 'string' && { description: sentence(message) };
    return { ...jsonSchema, ...unicodePattern(valibotAction), ...description };
  },
};

function operationOf(key: RouteKey): object {
  const operation: Page | Document | CallerOperation = OPERATIONS[key];
  const { summary, description, query = {}, request } = operation;
  const route = ROUTES[key];
  const path = [...key.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as keyof typeof PARAMETERS);
  const parameters = [
    ...path.map((name) => ({ name, in: 'path', required: true, ...parameterOf(PATH_PARAMETERS[name]) })),
    ...Object.entries(query).map(([name, parameter]) => ({ name, in: 'query', ...parameterOf(parameter) })),
  ];
  const needs = 'action' in route ? `Takes the action \`${route.action}\`.` : undefined;
  const texts = [description, needs].filter((text) => text !== undefined);
  return {
    operationId: ('id' in operation && operation.id) || route.operation,
    summary,
    ...(texts.length > 0 && { description: texts.join(' ') }),
    ...(parameters.length > 0 && { parameters }),
    ...(request && { requestBody: { content: json(refTo(request)) } }),
    ...(isCallerRoute(key) ? {} : { security: [] }),
    responses: responsesOf(operation),
  };
}

function responsesOf(operation: Page | Document | CallerOperation): object {
  if ('answer' in operation) return answersOf(operation);
  return 'document' in operation ? documentOf(operation) : pagesOf(operation);
}

function parameterOf({ schema, description }: Parameter): object {
  return { description, schema: typeof schema === 'string' ? refTo(schema) : schema };
}

function answersOf({ answer }: CallerOperation): object {
  const errors = ERROR_STATUSES.map((status) => [status, { $ref: `#/components/responses/Error${status}` }]);
  return { 200: { description: 'Done.', content: json(refTo(answer)) }, ...Object.fromEntries(errors) };
}

function errorOf(status: number): object {
  const codes = (Object.keys(ERROR_CODES) as ErrorCode[]).filter(
    (code) => ERROR_CODES[code].status === status,
  );
  const schema = { allOf: [refTo('Error'), { properties: { error: { enum: codes } } }] };
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    ...(codes.some((code) => ERROR_CODES[code].retryable) && {
      headers: { 'Retry-After': { description: 'As `retry_after`.', schema: { type: 'integer' } } },
    }),
    content: json(OF_THE_GATEWAY.includes(status) ? { anyOf: [schema, refTo('GatewayError')] } : schema),
  };
}

const PAGES: Readonly<Record<number, string>> = {
  200: 'The page, or how the consent ended.',
  303: 'On to the vendor.',
  400: 'It could not be finished.',
  403: 'Another browser began it.',
  404: 'There is nothing to finish here.',
  410: 'It was not finished in time.',
  500: 'Something went wrong: the page shows the request id.',
  503: 'Not now.',
};

function pagesOf({ statuses }: Page): object {
  const content = { 'text/html': { schema: { type: 'string' } } };
  return Object.fromEntries(
    statuses.map((status) => [status, { description: PAGES[status]!, content }] as const),
  );
}

function documentOf({ document, type }: Document): object {
  const content = json(refTo('GatewayError'));
  return {
    200: { description: 'The document.', content: { [type]: { schema: refTo(document) } } },
    404: { description: 'There is none, whether the connection exists or not.', content },
    503: { description: 'Not now.', content },
  };
}

function json(schema: object): object {
  return { 'application/json': { schema } };
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
