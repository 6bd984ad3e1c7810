/** Leaving from fixed addresses, for vendors that let in only those they know. */
import { CfnOutput, Fn, RemovalPolicy } from 'aws-cdk-lib';
import {
  CfnEIP,
  FlowLogDestination,
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
import type { Network } from './functions.ts';

/**
 * How the functions reach the vendors: from Lambda's own changing addresses, from fixed ones behind NAT in a
 * network that is made for them, or through a VPC that exists.
 */
export type Egress = 'public' | 'static-ip' | { readonly vpc: IVpc; readonly subnets?: SubnetSelection };

const PRIVATE = { subnetType: SubnetType.PRIVATE_WITH_EGRESS };

/** Services that the functions call; their traffic stays off the NAT gateways. */
const ENDPOINTS = {
  SecretsManager: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  Kms: InterfaceVpcEndpointAwsService.KMS,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
};

export function createNetwork(
  scope: Construct,
  egress: Egress,
  logs: { key: IKey; retention: RetentionDays },
): Network | undefined {
  if (egress === 'public') return undefined;
  if (egress === 'static-ip') return new StaticAddresses(scope, 'Egress', logs).network;
  const parent = new Construct(scope, 'Egress');
  return {
    vpc: egress.vpc,
    subnets: egress.subnets ?? PRIVATE,
    securityGroups: [outward(parent, egress.vpc)],
  };
}

class StaticAddresses extends Construct {
  readonly network: Network;

  constructor(scope: Construct, id: string, logs: { key: IKey; retention: RetentionDays }) {
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
    this.#flowLogs(vpc, logs);
    const functions = outward(this, vpc);
    this.#endpoints(vpc, functions);
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
    address.applyRemovalPolicy(RemovalPolicy.RETAIN);
    return address;
  }

  #endpoints(vpc: Vpc, functions: SecurityGroup): void {
    const group = new SecurityGroup(this, 'Endpoints', {
      vpc,
      allowAllOutbound: false,
      description: 'Interface endpoints: TLS from the broker only',
    });
    group.addIngressRule(functions, Port.tcp(443), 'The broker over TLS');
    for (const [id, service] of Object.entries(ENDPOINTS)) {
      vpc.addInterfaceEndpoint(id, { service, subnets: PRIVATE, securityGroups: [group], open: false });
    }
  }

  #flowLogs(vpc: Vpc, { key, retention }: { key: IKey; retention: RetentionDays }): void {
    const logGroup = new LogGroup(this, 'FlowLogs', {
      encryptionKey: key,
      retention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    vpc.addFlowLog('Rejected', { destination: FlowLogDestination.toCloudWatchLogs(logGroup) });
  }
}

/** HTTPS out, nothing in. */
function outward(scope: Construct, vpc: IVpc): SecurityGroup {
  const group = new SecurityGroup(scope, 'Outward', {
    vpc,
    allowAllOutbound: false,
    description: 'The broker: TLS to vendors and AWS, nothing in',
  });
  group.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'Vendors and AWS over TLS');
  return group;
}
