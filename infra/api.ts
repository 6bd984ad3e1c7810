/** The HTTPS endpoint: every route but the public ones is authorized by IAM before any code of ours runs. */
import { Aws, Fn, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  type CfnStage,
  DomainName,
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  type HttpRoute,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IAlias } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { ARecord, type IHostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets';
import { Construct } from 'constructs';
import { SERVICE } from '../shared/contract/metrics.ts';
import { CALLER_ROUTES, PUBLIC_ROUTES, partsOf, type RouteKey } from '../shared/contract/routes.ts';
import { KEPT } from './kept.ts';
import type { Stage } from './stage.ts';

/**
 * The API's own domain name.
 * @example
 * ```ts
 * import { App, Stack } from 'aws-cdk-lib';
 * import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
 * import type { CustomDomain } from 'token-broker/cdk';
 * const stack = new Stack(new App(), 'Tokens');
 * const arn = 'arn:aws:acm:eu-west-1:111122223333:certificate/1b2c3d4e-0000-4000-8000-123456789abc';
 * const domain: CustomDomain = {
 *   name: 'tokens.example.com',
 *   certificate: Certificate.fromCertificateArn(stack, 'Certificate', arn),
 * };
 * ```
 */
export interface CustomDomain {
  readonly name: string;
  /** For the name, in the stack's own Region. */
  readonly certificate: ICertificate;
  /** Gets a record for the name; without it somebody must make one. */
  readonly hostedZone?: IHostedZone;
}

/**
 * How many requests API Gateway lets through; the others get 429.
 * @example
 * ```ts
 * import type { Throttle } from 'token-broker/cdk';
 * const throttle: Throttle = { rateLimit: 100, burstLimit: 200 };
 * ```
 */
export interface Throttle {
  /** Requests a second, all callers together. */
  readonly rateLimit: number;
  readonly burstLimit: number;
}

interface ApiProps {
  readonly stage: Stage;
  readonly key: IKey;
  readonly logRetention: RetentionDays;
  readonly throttle: Throttle;
  /** Of each public route, so that strangers use up no caller's requests. */
  readonly publicThrottle: Throttle;
  readonly domain?: CustomDomain;
}

/**
 * The API comes before its functions, because they learn its URL: routes are added once the functions exist.
 * Its logical id must not change: its URL is registered at vendors.
 */
export class Api extends Construct {
  readonly api: HttpApi;
  /** Without a trailing slash. */
  readonly url: string;
  readonly #stage: HttpStage;
  readonly #publicThrottle: Throttle;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);
    this.api = new HttpApi(this, 'Http', {
      apiName: props.stage.name(SERVICE),
      description: 'Token broker: short-lived vendor tokens for callers that IAM knows',
      createDefaultStage: false,
      // A name of one's own is the only one: what stands before it (a firewall, say) cannot be walked around.
      disableExecuteApiEndpoint: props.domain !== undefined,
    });
    const domainName = props.domain && this.#domain(props.domain);
    this.#stage = this.#createStage(props, domainName);
    this.#publicThrottle = props.publicThrottle;
    this.url = props.domain ? `https://${props.domain.name}` : this.api.apiEndpoint;
  }

  /** @param callers answers what IAM let through @param callback answers the public */
  route(callers: IAlias, callback: IAlias): void {
    const iam = new HttpIamAuthorizer();
    const signed = this.#integration('Callers', callers);
    for (const key of CALLER_ROUTES) this.#add(key, { integration: signed, authorizer: iam });
    const open = this.#integration('Callback', callback);
    for (const key of PUBLIC_ROUTES) {
      const route = this.#add(key, { integration: open, authorizer: new HttpNoneAuthorizer() });
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason:
          'A browser that returns from the vendor cannot sign, the single-use state is what it is checked by; public keys are public.',
      });
      this.#throttle(key, route);
    }
  }

  #add(
    key: RouteKey,
    to: { integration: HttpLambdaIntegration; authorizer: HttpIamAuthorizer | HttpNoneAuthorizer },
  ): HttpRoute {
    const { method, path } = partsOf(key);
    return this.api.addRoutes({ path, methods: [HttpMethod[method]], ...to })[0]!;
  }

  /** A stage that names a route which is not there yet is refused. */
  #throttle(key: RouteKey, route: HttpRoute): void {
    const stage = this.#stage.node.defaultChild as CfnStage;
    const { rateLimit, burstLimit } = this.#publicThrottle;
    stage.routeSettings = {
      ...(stage.routeSettings as Record<string, object> | undefined),
      [key]: { ThrottlingRateLimit: rateLimit, ThrottlingBurstLimit: burstLimit },
    };
    stage.node.addDependency(route);
  }

  #integration(id: string, alias: IAlias): HttpLambdaIntegration {
    // IAM judges routes for callers; for API Gateway itself one permission a function is enough.
    return new HttpLambdaIntegration(id, alias, { scopePermissionToRoute: false });
  }

  #createStage(
    { stage, key, logRetention, throttle }: ApiProps,
    domainName: DomainName | undefined,
  ): HttpStage {
    const logGroup = new LogGroup(this, 'AccessLogs', {
      logGroupName: accessLogsName(stage),
      encryptionKey: key,
      retention: logRetention,
      removalPolicy: KEPT,
    });
    return new HttpStage(this, 'Default', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle,
      accessLogSettings: { destination: new LogGroupLogDestination(logGroup), format: ACCESS_LOG },
      ...(domainName && { domainMapping: { domainName } }),
    });
  }

  #domain({ name, certificate, hostedZone }: CustomDomain): DomainName {
    const domainName = new DomainName(this, 'Domain', { domainName: name, certificate });
    if (hostedZone) {
      const { regionalDomainName, regionalHostedZoneId } = domainName;
      const target = RecordTarget.fromAlias(
        new ApiGatewayv2DomainProperties(regionalDomainName, regionalHostedZoneId),
      );
      new ARecord(this, 'Record', { zone: hostedZone, recordName: `${name}.`, target });
    }
    return domainName;
  }
}

/**
 * Log groups of services share one policy of the account's, which is soon too long to add to; under `/aws/vendedlogs/`
 * they need no entry. It is kept when the stack goes, so its name is the very stack's: the next one makes its own.
 */
function accessLogsName(stage: Stage): string {
  const stackUuid = Fn.select(2, Fn.split('/', Aws.STACK_ID));
  return `/aws/vendedlogs/${stage.name(SERVICE)}/${stackUuid}`;
}

/** No query string (it holds codes), no path (a consent's is its secret) and no header (they hold session tokens). */
const ACCESS_LOG = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    time: '$context.requestTime',
    sourceIp: '$context.identity.sourceIp',
    principal: '$context.identity.userArn',
    route: '$context.routeKey',
    status: '$context.status',
    error: '$context.error.messageString',
    integrationError: '$context.integrationErrorMessage',
    integrationLatency: '$context.integrationLatency',
    responseLatency: '$context.responseLatency',
  }),
);
