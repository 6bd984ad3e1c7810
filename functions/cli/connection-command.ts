import { Command, Option } from 'commander';
import { CLIENT_AUTH_METHODS, GRANT_TYPES } from '../../shared/connections/connection.ts';
import { ConnectionsFileError } from '../../shared/connections/issues.ts';
import { parseConnections } from '../../shared/connections/parse.ts';
import { VendorError } from '../../shared/contract/errors.ts';
import { isLoopback } from '../../shared/contract/loopback.ts';
import { readMetadata } from '../../shared/oauth/discovery.ts';
import { VENDORS } from '../../shared/vendors/index.ts';
import { type Asked, chooseSettings } from './connection-settings.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { discoveryOptions, metadataOf } from './server-metadata.ts';
import { printJson, styled, tell } from './terminal.ts';

export function connectionCommand(): Command {
  return new Command('connection').description('Write a connection.').addCommand(newCommand());
}

function newCommand(): Command {
  return new Command('new')
    .description('Write a connection to a server from what it says of itself (RFC 8414).')
    .argument('[name]', 'default: the first part of the host that says something')
    .requiredOption('--issuer <url>', 'of the authorization server')
    .addOption(
      new Option('--grant <type>', 'default: the first of these that it offers').choices([...GRANT_TYPES]),
    )
    .addOption(
      new Option('--client-auth <method>', 'default: the safest that it takes').choices([
        ...CLIENT_AUTH_METHODS,
      ]),
    )
    .option('--client-id <id>', 'for aws_web_identity alone: else the secret says it')
    .option('--scope <scopes>', 'separated by spaces')
    .addHelpText(
      'after',
      `
Examples:
  token-broker connection new --issuer https://as.example.com
  token-broker connection new crm --issuer https://as.example.com/tenant --grant authorization_code > connections.json

The connections file goes to stdout, what was chosen and why to stderr. Nothing is stored or deployed.`,
    )
    .action(newAction);
}

async function newAction(name: string | undefined, options: Asked & { issuer: string }): Promise<void> {
  const { issuer } = options;
  const allowLoopbackHttp = isLoopback(hostnameOf(issuer));
  const connection = name ?? nameOf(hostnameOf(issuer));
  const metadata = await neededMetadata(issuer, allowLoopbackHttp);
  const { members, notes } = chooseSettings(connection, metadata, options);
  const file = { connections: { [connection]: members } };
  check(() => parseConnections(file, { vendors: VENDORS, allowLoopbackHttp }));
  // As the broker will: what it would refuse is found here.
  const { endpoint_hosts: endpointHosts = [] } = members;
  check(() => readMetadata(metadata, issuer, discoveryOptions(endpointHosts, allowLoopbackHttp)));
  printJson(file);
  for (const [subject, note] of notes) tell(`${styled('bold', subject, process.stderr)}: ${note}`);
}

async function neededMetadata(issuer: string, allowLoopbackHttp: boolean) {
  try {
    return await metadataOf(issuer, allowLoopbackHttp);
  } catch (error) {
    if (!(error instanceof VendorError)) throw error;
    throw new Failure(
      EXIT.failed,
      error.message,
      'without metadata, name the endpoints: the recipes in shared/vendors/recipes are examples',
    );
  }
}

function check(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (error instanceof ConnectionsFileError || error instanceof VendorError)
      throw new Failure(EXIT.failed, `The server cannot be used so: ${error.message}`);
    throw error;
  }
}

function hostnameOf(issuer: string): string {
  if (!URL.canParse(issuer))
    throw usage(`--issuer ${issuer} is not a URL: https://HOST, with a path where it has one.`);
  return new URL(issuer).hostname;
}

/** `login.example.com` is known as `example`. */
function nameOf(hostname: string): string {
  const name = hostname.split('.').find((part) => /^[a-z][a-z0-9-]*$/.test(part) && !GENERIC.test(part));
  return name ?? 'server';
}

const GENERIC = /^(?:www|login|auth|oauth2?|sso|id|idp|identity|accounts|api)$/;
