import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { usage } from './failure.ts';
import { manifest } from './manifest.ts';
import { print, tell } from './terminal.ts';

export function initCommand(): Command {
  return new Command('init')
    .description('Write a connections file, and a CDK app that deploys a broker for it.')
    .argument('[folder]', 'which need not be there yet', '.')
    .addHelpText(
      'after',
      `
Examples:
  token-broker init
  token-broker init our-broker

Nothing is overwritten, installed or deployed.`,
    )
    .action(init);
}

async function init(folder: string): Promise<void> {
  const files = Object.entries(await filesOf());
  const present = await Promise.all(files.map(async ([name]) => (await exists(join(folder, name))) && name));
  const taken = present.filter((name) => name !== false);
  if (taken.length > 0)
    throw usage(
      `${folder} has ${taken.join(', ')} already: nothing was written.`,
      'token-broker init FOLDER',
    );
  for (const [name, content] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    // Not even what has come in the meantime.
    await writeFile(join(folder, name), content, { flag: 'wx' });
    print(join(folder, name));
  }
  const { version } = await manifest();
  const steps = [
    ...(folder === '.' ? [] : [`cd ${folder}`]),
    `npm install PATH/token-broker-${version}.tgz   (what this command came in)`,
    'npx cdk synth --quiet   (once connections.json is yours; then npx cdk deploy)',
  ];
  tell(`next:  ${steps.join('\n       ')}`);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** By path. The package itself is not among the dependencies: where it comes from is for its user to say. */
async function filesOf(): Promise<Record<string, string>> {
  const { dependencies, peerDependencies } = await manifest();
  const versions = { ...dependencies, ...peerDependencies };
  const cdk = ['aws-cdk-lib', 'constructs'].map((name) => [name, versions[name]]);
  return {
    'package.json': json({
      private: true,
      type: 'module',
      scripts: { synth: 'cdk synth --quiet', diff: 'cdk diff', deploy: 'cdk deploy' },
      dependencies: Object.fromEntries(cdk),
      devDependencies: { 'aws-cdk': '2' },
    }),
    'cdk.json': json({ app: 'node bin/broker.js' }),
    'bin/broker.js': APP,
    'connections.json': json({
      $schema: './node_modules/token-broker/infra/connections.schema.json',
      connections: { 'crash-symbols': { vendor: 'bugsplat', scope: 'symbols' } },
    }),
    '.gitignore': 'cdk.out\nnode_modules\n',
  };
}

const APP = `import { App, Stack } from 'aws-cdk-lib';
import { TokenBroker } from 'token-broker/cdk';

// The stack's name is what \`token-broker --stack\` takes.
const stack = new Stack(new App(), 'TokenBroker', { stackName: 'token-broker', terminationProtection: true });

const broker = new TokenBroker(stack, 'Broker', { connections: 'connections.json' });

// Who may ask for tokens, beside "callers" in the file:
// broker.grantToken(Role.fromRoleName(stack, 'Ci', 'ci-upload'), 'crash-symbols');
`;

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
