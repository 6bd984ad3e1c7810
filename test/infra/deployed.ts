/**
 * A template as CloudFormation would deploy it: intrinsic functions give way to names and ARNs of a made-up
 * account, so that policies can be evaluated and functions run.
 */
import type { Template } from 'aws-cdk-lib/assertions';
import { ACCOUNT, REGION } from './synth.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DependsOn?: string | readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export interface PolicyDocument {
  readonly Statement: readonly Readonly<Record<string, unknown>>[];
}

export const API_ID = 'api1234567';
const PSEUDO: Record<string, string> = {
  'AWS::Partition': 'aws',
  'AWS::Region': REGION,
  'AWS::AccountId': ACCOUNT,
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::StackName': 'token-broker',
  'AWS::StackId': `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/token-broker/11111111-1111-1111-1111-111111111111`,
};

export class Deployed {
  readonly resources: Readonly<Record<string, Resource>>;
  readonly #pseudo: Readonly<Record<string, string>>;

  /** @param pseudo pseudo parameters that differ from those of the made-up account */
  constructor(template: Template, pseudo: Readonly<Record<string, string>> = {}) {
    this.resources = template.toJSON().Resources;
    this.#pseudo = { ...PSEUDO, ...pseudo };
  }

  ofType(type: string): [id: string, resource: Resource][] {
    return Object.entries(this.resources).filter(([, resource]) => resource.Type === type);
  }

  /** Logical id of the only resource of this type whose id contains `part`. */
  id(type: string, part: string): string {
    const ids = this.ofType(type)
      .map(([id]) => id)
      .filter((id) => id.includes(part));
    if (ids.length !== 1) throw new Error(`${ids.length} of ${type} are called ${part}: ${ids.join(', ')}`);
    return ids[0]!;
  }

  properties(type: string, part: string): Record<string, unknown> {
    return this.resolve(this.resources[this.id(type, part)]!.Properties) as Record<string, unknown>;
  }

  role(part: string): string {
    return `arn:aws:iam::${ACCOUNT}:role/${this.id('AWS::IAM::Role', part)}`;
  }

  /** Every policy of a role: inline, attached and overflowing. */
  policiesOf(role: string): { name: string; policy: PolicyDocument }[] {
    const id = role.split('/').at(-1)!;
    const policies = [...this.ofType('AWS::IAM::Policy'), ...this.ofType('AWS::IAM::ManagedPolicy')];
    return policies
      .filter(([, { Properties }]) => JSON.stringify(Properties.Roles ?? []).includes(`"${id}"`))
      .map(([name, { Properties }]) => ({
        name,
        policy: this.resolve(Properties.PolicyDocument) as PolicyDocument,
      }));
  }

  resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.resolve(each));
    if (typeof value !== 'object' || value === null) return value;
    const [[name, argument] = []] = Object.entries(value);
    if (name === 'Ref') return this.#ref(argument as string);
    if (name === 'Fn::GetAtt') return this.#attribute(argument as [string, string]);
    if (name?.startsWith('Fn::')) return this.#call(name, argument);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.resolve(each)]));
  }

  #call(name: string, argument: unknown): unknown {
    if (name === 'Fn::Sub')
      return String(argument).replace(/\$\{([^}]+)\}/g, (_, id: string) => this.#ref(id));
    const [first, second] = this.resolve(argument) as [unknown, unknown];
    if (name === 'Fn::Join') return (second as string[]).join(first as string);
    if (name === 'Fn::Split') return (second as string).split(first as string);
    if (name === 'Fn::Select') return (second as unknown[])[Number(first)];
    if (name === 'Fn::GetAZs') return [`${REGION}a`, `${REGION}b`];
    throw new Error(`${name} is not known here.`);
  }

  #ref(id: string): string {
    const pseudo = this.#pseudo[id];
    if (pseudo) return pseudo;
    const { Type, Properties } = this.#resource(id);
    if (Type === 'AWS::SecretsManager::Secret') return this.secretArn(String(Properties.Name));
    if (Type === 'AWS::DynamoDB::Table') return String(Properties.TableName);
    if (Type === 'AWS::Lambda::Function') return String(Properties.FunctionName);
    if (Type === 'AWS::Lambda::Alias') return this.#attribute([id, 'Arn']);
    if (Type === 'AWS::ApiGatewayV2::Api') return API_ID;
    return id;
  }

  #attribute([id, attribute]: [string, string]): string {
    const { Type, Properties } = this.#resource(id);
    const arn = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
    if (Type === 'AWS::ApiGatewayV2::Api') return `https://${API_ID}.execute-api.${REGION}.amazonaws.com`;
    if (attribute !== 'Arn') return `${id}.${attribute}`;
    if (Type === 'AWS::IAM::Role') return `arn:aws:iam::${ACCOUNT}:role/${id}`;
    if (Type === 'AWS::DynamoDB::Table') return arn('dynamodb', `table/${Properties.TableName}`);
    if (Type === 'AWS::KMS::Key') return arn('kms', `key/${id}`);
    if (Type === 'AWS::Lambda::Function') return arn('lambda', `function:${Properties.FunctionName}`);
    if (Type === 'AWS::Lambda::Alias') {
      return arn('lambda', `function:${this.resolve(Properties.FunctionName)}:${Properties.Name}`);
    }
    if (Type === 'AWS::Logs::LogGroup') return arn('logs', `log-group:${id}:*`);
    if (Type === 'AWS::SQS::Queue') return arn('sqs', id);
    return arn('unknown', id);
  }

  /** As Secrets Manager completes it. */
  secretArn(name: string): string {
    return `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${name}-AbCdEf`;
  }

  #resource(id: string): Resource {
    const resource = this.resources[id];
    if (!resource) throw new Error(`There is no resource ${id}.`);
    return resource;
  }
}
