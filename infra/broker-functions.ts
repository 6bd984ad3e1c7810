/** The programs: what each is bound to is all that it may do. */
import { Duration } from 'aws-cdk-lib';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { FUNCTIONS } from '../shared/contract/names.ts';
import type { Binding } from './binding.ts';
import { codeOf, type Luggage, type Program } from './bundling/bundle.ts';
import {
  BrokerFunction,
  type BrokerFunctionProps,
  type FunctionDefaults,
  type Network,
} from './functions.ts';
import type { Stage } from './stage.ts';

interface BrokerFunctionsProps {
  readonly stage: Stage;
  readonly defaults: FunctionDefaults;
  /** For the functions that mint or refresh. */
  readonly luggage: Luggage;
  readonly network: Network | undefined;
  readonly provisionedConcurrency: number | undefined;
  readonly reservedConcurrency: number | undefined;
  /** Of the function that the public reaches. */
  readonly publicReservedConcurrency: number | undefined;
  /** Of what is invoked asynchronously. Requests for tokens hold `params`, which are to lie in no queue. */
  readonly deadLetters: IQueue;
  /** What every function that asks vendors for tokens needs: tables, secrets, keyring, rescues, public URL. */
  readonly broker: readonly Binding[];
  /** Instead of `broker`, for the function that strangers reach. */
  readonly callback: readonly Binding[];
  readonly sealingKey: readonly Binding[];
  /** Beside `broker`: how grants are counted and forgotten. */
  readonly https: readonly Binding[];
  /** Beside `broker`: how due grants are found. */
  readonly refresh: readonly Binding[];
}

/**
 * Its name is CloudFormation's to choose: custom resources may not change their function, and a stage would.
 * A thousand aliases take it two minutes, at the pace that Lambda's control plane allows.
 */
const DEPLOYMENT: Named = { timeout: 900_000 };

export class BrokerFunctions {
  readonly https: BrokerFunction;
  readonly invoke: BrokerFunction;
  readonly callback: BrokerFunction;
  readonly refresh: BrokerFunction;
  readonly sealingKey: BrokerFunction;
  /** CloudFormation's own helper; it takes no part in what callers see. */
  readonly deployment: BrokerFunction;

  constructor(scope: Construct, props: BrokerFunctionsProps) {
    const { provisionedConcurrency, reservedConcurrency, broker, deadLetters } = props;
    const serving = { bindings: broker, provisionedConcurrency, reservedConcurrency };
    const create = (id: string, program: Program, named: Named, own: Own) =>
      createFunction(scope, id, program, named, own, props);

    this.https = create('Https', 'token-https', FUNCTIONS.https, {
      ...serving,
      bindings: [...broker, ...props.https],
      description: 'Token broker: answers callers that API Gateway has authorized',
    });
    this.invoke = create('Invoke', 'token-invoke', FUNCTIONS.invoke, {
      ...serving,
      description: 'Token broker: answers direct invokes, one alias a connection',
    });
    this.callback = create('Callback', 'callback', FUNCTIONS.callback, {
      bindings: props.callback,
      reservedConcurrency: props.publicReservedConcurrency,
      description: 'Token broker: finishes consents when a browser returns from the vendor',
    });
    this.refresh = create('Refresh', 'refresh', FUNCTIONS.refresh, {
      bindings: [...broker, ...props.refresh],
      deadLetters,
      description: 'Token broker: renews due grants',
    });
    this.sealingKey = create('SealingKey', 'sealing-key', FUNCTIONS.sealingKey, {
      bindings: props.sealingKey,
      deadLetters,
      description: 'Token broker: rotates the sealing keyring',
    });
    this.deployment = create('Deployment', 'deployment', DEPLOYMENT, {
      bindings: [],
      description: 'Token broker: moves the aliases of direct invoke, and guards the stage',
    });
  }

  get all(): readonly BrokerFunction[] {
    return [this.https, this.invoke, this.callback, this.refresh, this.sealingKey];
  }

  /** Those that read client secrets and call vendors. */
  get brokers(): readonly BrokerFunction[] {
    return [this.https, this.invoke, this.callback, this.refresh];
  }
}

interface Named {
  readonly name?: string;
  /** Milliseconds. */
  readonly timeout: number;
}

type Own = Pick<
  BrokerFunctionProps,
  'bindings' | 'deadLetters' | 'description' | 'provisionedConcurrency' | 'reservedConcurrency'
>;

/** What calls no vendor gets neither the connections nor the network. */
function createFunction(
  scope: Construct,
  id: string,
  program: Program,
  { name, timeout }: Named,
  own: Own,
  { stage, defaults, luggage, network }: BrokerFunctionsProps,
): BrokerFunction {
  const callsVendors = program !== 'sealing-key' && program !== 'deployment';
  return new BrokerFunction(scope, id, {
    ...defaults,
    ...own,
    ...(name && { functionName: stage.name(name) }),
    program,
    timeout: Duration.millis(timeout),
    code: codeOf(program, callsVendors ? luggage : undefined),
    ...(callsVendors && network && { network }),
  });
}
