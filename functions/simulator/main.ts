import { parseArgs } from 'node:util';
import { startSimulatedVendors } from './server.ts';

const USAGE =
  'Usage: node functions/simulator/main.ts [--port-base N]   (N: 1024 to 65532; default: any free)';

/** Runs the simulated vendors alone, until it is told to stop; prints one JSON line: their origins. */
async function main(): Promise<void> {
  const vendors = await startSimulatedVendors(options());
  process.stdout.write(`${JSON.stringify({ origins: vendors.origins })}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void vendors.close());
}

function options(): { portBase?: number } {
  const { values } = parseArgs({ options: { 'port-base': { type: 'string' } } });
  const text = values['port-base'];
  if (text === undefined) return {};
  const portBase = Number(text);
  if (!/^\d+$/.test(text) || portBase < 1024 || portBase > 65_532) {
    throw new Error(`--port-base ${text} is not allowed.`);
  }
  return { portBase };
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
});
