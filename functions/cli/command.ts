import { Command, Option } from 'commander';

/** A command with the options that say which broker it talks to. */
export function withTarget(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(
      new Option('--endpoint <url>', 'of the HTTPS routes; also TOKEN_BROKER_ENDPOINT').conflicts([
        'stack',
        'local',
      ]),
    )
    .addOption(
      new Option('--stack <name>', 'token-broker or STAGE-token-broker: looked up in AWS').conflicts('local'),
    )
    .option('--local', 'the broker on this machine, port 8787')
    .option('--region <region>', 'default: that of the endpoint, else AWS_REGION')
    .option('--aws-endpoint <url>', 'of AWS services, e.g. of a local broker; also AWS_ENDPOINT_URL');
}
