/** Leaving from fixed addresses, for vendors that let in only those they know. */
import { CfnOutput, Fn, RemovalPolicy } from 'aws-cdk-lib';
import {
  CfnEIP,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type IVpc,
  NatProvider,
  Peer,
  Port,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Connection } from '../shared/connections/connection.ts';
import type { Network } from './functions.ts';
import { KEPT } from './kept.ts';

/**
 * How the functions reach the vendors: from Lambda's own changing addresses, from fixed ones behind NAT in a
 * network that is made for them, or through a VPC that exists.
 * @example
 * ```ts
 * import type { Egress } from 'token-broker/cdk';
 * const egress: Egress = 'static-ip';
 * ```
 */
export type Egress = 'public' | 'static-ip' | { readonly vpc: IVpc; readonly subnets?: SubnetSelection };

const PRIVATE = { subnetType: SubnetType.PRIVATE_WITH_EGRESS };

interface NetworkProps {
  /** Of the flow logs. */
  readonly key: IKey;
  readonly retention: RetentionDays;
  /** TCP ports of vendors and AWS. */
  readonly ports: readonly number[];
}

/** AWS's own, and that of every `https:` URL that names none. */
const HTTPS_PORT = 443;

/** Where the connections' vendors listen, as far as the file says; what a vendor's code knows is on 443. */
export function portsOf(connections: readonly Connection[]): number[] {
  const urls = connections.flatMap((connection) => [
    connection.baseUrl,
    connection.issuer,
    connection.tokenEndpoint,
    connection.deviceAuthorizationEndpoint,
    connection.pushedAuthorizationRequestEndpoint,
    connection.revocationEndpoint,
    connection.userinfoEndpoint,
    ...connection.endpointHosts.map((host) => `https://${host}`),
  ]);
  const named = urls.filter((url) => url !== undefined).map((url) => Number(new URL(url).port || HTTPS_PORT));
  return [...new Set([HTTPS_PORT, ...named])].sort((a, b) => a - b);
}

export function createNetwork(scope: Construct, egress: Egress, props: NetworkProps): Network | undefined {
  if (egress === 'public') return undefined;
  if (egress === 'static-ip') return new StaticAddresses(scope, 'Egress', props).network;
  const parent = new Construct(scope, 'Egress');
  return {
    vpc: egress.vpc,
    subnets: egress.subnets ?? PRIVATE,
    securityGroups: [outward(parent, egress.vpc, props.ports)],
  };
}

class StaticAddresses extends Construct {
  readonly network: Network;

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id);
    const addresses = [this.#address('AddressA'), this.#address('AddressB')];
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.0.0.0/24'),
      // Two zones by position, so that a synth needs no look-up in the account.
      availabilityZones: [0, 1].map((zone) => Fn.select(zone, Fn.getAzs())),
      subnetConfiguration: [
        { name: 'Public', subnetType: SubnetType.PUBLIC, cidrMask: 27, mapPublicIpOnLaunch: false },
        { name: 'Private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 26 },
      ],
      natGatewayProvider: NatProvider.gateway({
        eipAllocationIds: addresses.map(({ attrAllocationId }) => attrAllocationId),
      }),
      // CDK's way is a custom resource with a function of its own; nothing here uses the default group.
      restrictDefaultSecurityGroup: false,
      gatewayEndpoints: { DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB } },
    });
    this.#flowLogs(vpc, props);
    const functions = outward(this, vpc, props.ports);
    this.#secretsManager(vpc, functions);
    this.network = { vpc, subnets: PRIVATE, securityGroups: [functions] };
    new CfnOutput(this, 'Addresses', {
      description: "For the vendors' allow-lists: the addresses that the broker calls from",
      value: Fn.join(
        ',',
        addresses.map(({ ref }) => ref),
      ),
    });
  }

  /** Retained: vendors have it on their lists, and an address given up does not come back. */
  #address(id: string): CfnEIP {
    const address = new CfnEIP(this, id, { domain: 'vpc' });
    address.applyRemovalPolicy(KEPT);
    return address;
  }

  /**
   * The one service that the functions call beside DynamoDB; secrets stay off the NAT gateways. The others need no
   * endpoint: DynamoDB and Secrets Manager use the key themselves, and Lambda writes logs from outside of the VPC.
   */
  #secretsManager(vpc: Vpc, functions: SecurityGroup): void {
    const group = new SecurityGroup(this, 'Endpoints', {
      vpc,
      allowAllOutbound: false,
      description: 'Interface endpoint: TLS from the broker only',
    });
    group.addIngressRule(functions, Port.tcp(HTTPS_PORT), 'The broker over TLS');
    vpc.addInterfaceEndpoint('SecretsManager', {
      service: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      subnets: PRIVATE,
      securityGroups: [group],
      open: false,
    });
  }

  #flowLogs(vpc: Vpc, { key, retention }: NetworkProps): void {
    const logGroup = new LogGroup(this, 'FlowLogs', {
      encryptionKey: key,
      retention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    vpc.addFlowLog('Rejected', {
      destination: FlowLogDestination.toCloudWatchLogs(logGroup),
      trafficType: FlowLogTrafficType.REJECT,
    });
  }
}

/** TLS out, nothing in. */
function outward(scope: Construct, vpc: IVpc, ports: readonly number[]): SecurityGroup {
  const group = new SecurityGroup(scope, 'Outward', {
    vpc,
    allowAllOutbound: false,
    description: 'The broker: TLS to vendors and AWS, nothing in',
  });
  for (const port of ports) group.addEgressRule(Peer.anyIpv4(), Port.tcp(port), 'Vendors and AWS over TLS');
  return group;
}
