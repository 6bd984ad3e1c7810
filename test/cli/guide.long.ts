/** The operator's guide, command by command, against a broker on this machine in place of a stack. */
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { secretsManagerClient } from '../../shared/aws/clients.ts';
import { decideAt } from '../support/http-browser.ts';
import { type LocalBrokerProcess, startLocalBrokerProcess } from '../support/local-broker.ts';
import { pageText } from '../support/pages.ts';
import { localAccess } from '../support/stores.ts';
import { environmentOf, start } from './support.ts';

let broker: LocalBrokerProcess;
beforeEach(async () => {
  broker = await startLocalBrokerProcess();
});
afterEach(() => broker.dispose());

/** The arguments of a section's `token-broker` commands, the target left to the environment. */
function commandsOf(heading: string): string[][] {
  const section = pageText('infra/README.md').split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const [, fence = ''] = /```shell\n(.*?)```/s.exec(section)!;
  return fence.split('\n').flatMap((line) => {
    const [, command] = /^(?:AWS_PROFILE=\w+ )?token-broker ([^>#]*)/.exec(line) ?? [];
    return command
      ? [
          command
            .replaceAll(/--(?:stack|connections) \S+/g, '')
            .trim()
            .split(/ +/),
        ]
      : [];
  });
}

/** As the operator has it at hand. */
async function secretOf(connection: string): Promise<string> {
  const { client } = secretsManagerClient({ ...localAccess, endpoint: broker.awsUrl });
  const { SecretString } = await client.send(
    new GetSecretValueCommand({ SecretId: `token-broker/${connection}` }),
  );
  return SecretString!;
}

async function perform(args: readonly string[]) {
  const [command, verb, connection = ''] = args;
  const input = command === 'secret' && verb === 'put' ? await secretOf(connection) : '';
  const running = start(environmentOf(broker), args, input);
  if (command === 'connect') await decideAt((await running.said(/\n {2}(http:\S+)\n/))[1]!, 'approve');
  return running.ended;
}

test.each([
  ['Moving to another account', ['secret put', 'connect logs-portal', 'doctor', 'revoke logs-portal']],
  [
    'After an incident',
    ['secret put', 'secret keygen', 'revoke logs-portal', 'connect logs-portal', 'doctor'],
  ],
])('%s', async (heading, told) => {
  const commands = commandsOf(heading);
  expect(commands.map((args) => args.join(' '))).toEqual(
    told.map((each) => expect.stringMatching(`^${each}`)),
  );
  for (const args of commands) {
    const { code, stdout, stderr } = await perform(args);
    // Doctor also finds that others have not consented yet; what was just connected it ticks.
    if (args[0] === 'doctor') expect(stdout).toMatch(/✔.*logs-portal/);
    else expect({ args, code, stderr }).toMatchObject({ code: 0 });
  }
});
