/** A browser that is led through a consent by the handler of its pages, and keeps its cookies. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { callbackHandler } from '../../functions/callback.ts';
import { matchRoute } from '../../shared/contract/routes.ts';
import type { GrantProcess } from './grants.ts';

type Page = APIGatewayProxyStructuredResultV2;
type Handler = (event: APIGatewayProxyEventV2, context: Context) => Promise<Page>;

export class Browser {
  static readonly context = { getRemainingTimeInMillis: () => 29_000, awsRequestId: 'request-1' } as Context;
  readonly #handler: Handler;
  readonly cookies: string[] = [];

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  static of({ broker }: Pick<GrantProcess, 'broker'>): Browser {
    return new Browser(callbackHandler(broker));
  }

  get(path: string): Promise<Page> {
    return this.#load('GET', path);
  }

  open(secret: string): Promise<Page> {
    return this.#load('GET', `/consent/${secret}`);
  }

  /** Presses the button. */
  async goOn(secret: string, headers?: Record<string, string>): Promise<{ page: Page; url: string }> {
    const page = await this.#load('POST', `/consent/${secret}`, { body: '', headers });
    return { page, url: String(page.headers?.location) };
  }

  type(secret: string, code: string): Promise<Page> {
    return this.#load('POST', `/consent/${secret}`, { body: new URLSearchParams({ code }).toString() });
  }

  comeBack(url: URL, query = url.search.slice(1)): Promise<Page> {
    return this.#load('GET', url.pathname, { query });
  }

  async #load(
    method: 'GET' | 'POST',
    rawPath: string,
    {
      body,
      query = '',
      headers = {},
    }: { body?: string; query?: string; headers?: Record<string, string> | undefined } = {},
  ): Promise<Page> {
    const route = matchRoute(method, rawPath);
    const event = {
      routeKey: route?.key,
      rawPath,
      rawQueryString: query,
      headers,
      cookies: [...this.cookies],
      pathParameters: route?.parameters,
      body,
      isBase64Encoded: false,
    } as unknown as APIGatewayProxyEventV2;
    const page = await this.#handler(event, Browser.context);
    for (const cookie of page.cookies ?? []) this.cookies.splice(0, Infinity, cookie.split(';')[0]!);
    return page;
  }
}
