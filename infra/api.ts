/** The HTTPS endpoint: every route but the callback is authorized by IAM before any code of ours runs. */
import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  DomainName,
  HttpApi,
  type HttpMethod,
  HttpNoneAuthorizer,
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
import type { Stage } from './stage.ts';

/** The wire contract's routes that callers sign. */
export const CALLER_ROUTES = [
  'POST /connections/{connection}/token',
  'GET /connections',
  'GET /connections/{connection}',
  'GET /connections/{connection}/userinfo',
  'POST /connections/{connection}/consent',
  'POST /connections/{connection}/consent/{consent}',
  'DELETE /connections/{connection}/grants/{subject}',
] as const;
/** The one public route: a browser comes back from the vendor's consent page. */
export const CALLBACK_ROUTE = 'GET /callback';

export interface CustomDomain {
  readonly name: string;
  /** For the name, in the stack's own Region. */
  readonly certificate: ICertificate;
  /** Gets a record for the name; without it somebody must make one. */
  readonly hostedZone?: IHostedZone;
}

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

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);
    this.api = new HttpApi(this, 'Http', {
      apiName: props.stage.name(SERVICE),
      description: 'Token broker: short-lived vendor tokens for callers that IAM knows',
      createDefaultStage: false,
    });
    const domainName = props.domain && this.#domain(props.domain);
    this.#stage(props, domainName);
    this.url = props.domain ? `https://${props.domain.name}` : this.api.apiEndpoint;
  }

  /** @param callers answers what IAM let through @param callback answers the public */
  route(callers: IAlias, callback: IAlias): void {
    const iam = new HttpIamAuthorizer();
    const signed = this.#integration('Callers', callers);
    for (const route of CALLER_ROUTES) this.#add(route, { integration: signed, authorizer: iam });
    this.#add(CALLBACK_ROUTE, {
      integration: this.#integration('Callback', callback),
      authorizer: new HttpNoneAuthorizer(),
    });
  }

  #add(
    route: string,
    to: { integration: HttpLambdaIntegration; authorizer: HttpIamAuthorizer | HttpNoneAuthorizer },
  ): void {
    const [method, path] = route.split(' ') as [HttpMethod, string];
    const routes = this.api.addRoutes({ path, methods: [method], ...to });
    if (route !== CALLBACK_ROUTE) return;
    Validations.of(routes[0]!).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason:
        'A browser that returns from the vendor cannot sign; the single-use state is what it is checked by.',
    });
  }

  #integration(id: string, alias: IAlias): HttpLambdaIntegration {
    // IAM judges routes for callers; for API Gateway itself one permission a function is enough.
    return new HttpLambdaIntegration(id, alias, { scopePermissionToRoute: false });
  }

  #stage({ key, logRetention, throttle }: ApiProps, domainName: DomainName | undefined): void {
    const logGroup = new LogGroup(this, 'AccessLogs', {
      encryptionKey: key,
      retention: logRetention,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    new HttpStage(this, 'Default', {
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

/** No query string (it holds codes) and no header (they hold session tokens). */
const ACCESS_LOG = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    time: '$context.requestTime',
    sourceIp: '$context.identity.sourceIp',
    principal: '$context.identity.userArn',
    route: '$context.routeKey',
    path: '$context.path',
    status: '$context.status',
    error: '$context.error.messageString',
    integrationError: '$context.integrationErrorMessage',
    integrationLatency: '$context.integrationLatency',
    responseLatency: '$context.responseLatency',
  }),
);
