import { expect, test } from 'vitest';
import { endpointOf, parseOptions, UsageError } from '../../functions/local/options.ts';

test('without arguments everything has its default', () => {
  expect(parseOptions([])).toEqual({ port: 8787, awsPort: 8788, data: '.token-broker', sweepEvery: 60 });
});

test('every option is taken, as two words or as one', () => {
  const args = ['--port', '0', '--aws-port=0', '--connections', 'c.json', '--data=d', '--sweep-every', '5'];
  expect(parseOptions(args)).toEqual({
    port: 0,
    awsPort: 0,
    connections: 'c.json',
    data: 'd',
    sweepEvery: 5,
  });
});

test('--help asks for help', () => {
  expect(parseOptions(['--help'])).toBe('help');
});

test.each<[string[], RegExp]>([
  [['--prot', '1'], /unknown option '--prot'.*Allowed: --port N, --aws-port N/],
  [['file.json'], /too many arguments.*--connections FILE/],
  [['--port'], /--port <n>' argument missing/],
  [['--port', 'http'], /--port is "http": it must be an integer from 0 to 65535/],
  [['--port', '65536'], /--port is "65536"/],
  [['--port', '-1'], /--port/],
  [['--port', '1e3'], /--port is "1e3"/],
  [['--port', ''], /--port is ""/],
  [['--aws-port', '80.5'], /--aws-port is "80\.5"/],
  [['--sweep-every', '0'], /--sweep-every is "0": it must be an integer from 1 to 86400/],
  [['--port', '9000', '--aws-port', '9000'], /both 9000: they must differ/],
  [['--data', ''], /--data is empty/],
  [['--simulate', 'a'], /--simulate: it names connections of --connections FILE/],
  [['--connections', ''], /--connections is empty/],
])('%j is refused, naming what is allowed', (args, message) => {
  expect(() => parseOptions(args)).toThrow(UsageError);
  expect(() => parseOptions(args)).toThrow(message);
});

test('everything that is wrong with the options is told at once', () => {
  const args = ['--port', 'http', '--sweep-every', '0', '--data', ''];
  expect(() => parseOptions(args)).toThrow(/--port is "http".*\n--sweep-every is "0".*\n--data is empty/);
  expect(() => parseOptions(['--port', 'http', '--prot', '1'])).toThrow(
    /--port is "http".*\nunknown option '--prot'/,
  );
});

const options = { port: 8787, awsPort: 8788, data: 'd', sweepEvery: 60 };

test.each([[undefined], [''], ['http://127.0.0.1:4566'], ['https://dynamodb.example']])(
  'AWS_ENDPOINT_URL may be %j',
  (url) => {
    expect(endpointOf({ AWS_ENDPOINT_URL: url }, options)).toBe(url || undefined);
  },
);

test.each([
  ['localhost:8788', /must be an http or https URL/],
  ['nonsense', /must be an http or https URL/],
  ['http://127.0.0.1:8788', /this broker's own --aws-port: unset it/],
  ['http://localhost:8788/', /this broker's own --aws-port: unset it/],
])('AWS_ENDPOINT_URL may not be %j', (url, message) => {
  expect(() => endpointOf({ AWS_ENDPOINT_URL: url }, options)).toThrow(message);
});
