import { Command, Option } from 'commander';
import { CLIENT_AUTH_METHODS } from '../../shared/connections/connection.ts';
import { withTarget } from './command.ts';
import { keygenAction } from './secret-keygen.ts';
import { KEY_TYPES } from './secret-keys.ts';
import { putAction } from './secret-put.ts';

export function secretCommand(): Command {
  return new Command('secret')
    .description('Put a connection’s client secret or key where the broker reads it.')
    .addCommand(putCommand())
    .addCommand(keygenCommand());
}

function withSecretOptions(command: Command): Command {
  return command
    .argument('<connection>')
    .option('--connections <file>', 'the connections file, for what is not by default')
    .option('--secret <name>', 'name or ARN in Secrets Manager; default: the connection’s');
}

function putCommand(): Command {
  const command = withTarget('put', 'Store a client secret; its values come from prompts or the input.')
    .addOption(
      new Option('--client-auth <method>', 'how the client proves itself').choices([...CLIENT_AUTH_METHODS]),
    )
    .addHelpText(
      'after',
      `
Examples:
  token-broker secret put crash-symbols                    asks for the values
  token-broker secret put crash-symbols < secret.json      {"client_id": "…", "client_secret": "…"}
  jq -n --rawfile key key.pem '{client_id: "…", private_key: $key}' | token-broker secret put logs-jobs

Values are never taken from the command line, where other users and the shell's history would see them.`,
    );
  return withSecretOptions(command).action(putAction);
}

function keygenCommand(): Command {
  const command = withTarget(
    'keygen',
    'Make a key: the private half is stored, or is in KMS; the public half is printed.',
  )
    .option('--client-id <id>', 'default: that of the secret as it is')
    .option('--key-id <id>', 'sent as "kid", where the vendor gives one')
    .addOption(
      new Option('--alg <name>', 'what it signs by; default: RS256, or as the key before').choices(
        Object.keys(KEY_TYPES),
      ),
    )
    .addOption(
      new Option('--bits <n>', 'size of an RSA key; default: 2048, or as the key before').choices([
        '2048',
        '3072',
        '4096',
      ]),
    )
    .option('--kms', 'the key in KMS that the stack has made: no private half is anywhere else')
    .option('--jwk', 'print the public key as a JWK, not as PEM')
    .option('--replace', 'although a key is stored: the vendor must learn the new one')
    .option('--next', 'beside the key that signs: the vendor may learn it before it does')
    .addOption(
      new Option('--promote', 'let the next key sign, once the vendor knows it').conflicts([
        'next',
        'replace',
      ]),
    )
    .addHelpText(
      'after',
      `
Examples:
  token-broker secret keygen logs-jobs --client-id 1234 > public.pem
  token-broker secret keygen logs-jobs --replace --bits 4096 --jwk
  token-broker secret keygen logs-jobs --next > next.pem    then, once the vendor knows it:
  token-broker secret keygen logs-jobs --promote
  token-broker secret keygen anything-else --alg ES256 --jwk
  token-broker secret keygen anything-else --kms            for a connection with "signing": "kms"`,
    );
  return withSecretOptions(command).action(keygenAction);
}
