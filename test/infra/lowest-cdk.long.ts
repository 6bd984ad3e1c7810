/** The package declares the lowest `aws-cdk-lib` that it works with: here it works with just that one. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, expect, test } from 'vitest';
import { LOWEST_CDK } from '../../infra/package/manifest.ts';

const root = new URL('../..', import.meta.url).pathname;
const project = mkdtempSync(join(tmpdir(), 'lowest-cdk-'));
afterAll(() => rmSync(project, { recursive: true }));

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

test('the construct synthesizes with the lowest aws-cdk-lib that the package declares', () => {
  writeFileSync(join(project, 'package.json'), '{"private":true,"type":"module"}');
  const peers = Object.entries(LOWEST_CDK).map(([name, version]) => `${name}@${version}`);
  run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', ...peers);
  writeFileSync(
    join(project, 'app.ts'),
    `import { App, Stack } from 'aws-cdk-lib';
import { LambdaDeploymentConfig } from 'aws-cdk-lib/aws-codedeploy';
import { TokenBroker } from '${root}infra/package/cdk.ts';
const app = new App({ outdir: 'cdk.out', context: { 'aws:cdk:bundling-stacks': [] } });
new TokenBroker(new Stack(app, 'Mine'), 'Broker', {
  connections: '${root}infra/connections.json',
  egress: 'static-ip',
  alarmEmail: 'oncall@example.com',
  canary: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
});
app.synth();
`,
  );
  buildSync({
    absWorkingDir: project,
    entryPoints: ['app.ts'],
    // As deep as in the package, whose folder `functions` holds the bundles.
    outfile: 'infra/cdk/app.mjs',
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['aws-cdk-lib', 'constructs', 'esbuild'],
    // The repository's own copies must not be found.
    nodePaths: [join(root, 'node_modules')],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  });
  run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', `esbuild@${esbuildVersion()}`);
  mkdirSync(join(project, 'functions'));
  run(process.execPath, 'infra/cdk/app.mjs');
  const { Resources } = JSON.parse(readFileSync(join(project, 'cdk.out/Mine.template.json'), 'utf8'));
  expect(Object.keys(Resources).length).toBeGreaterThan(90);
});

function esbuildVersion(): string {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.esbuild;
}
