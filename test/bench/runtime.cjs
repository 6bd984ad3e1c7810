// A stand-in for the client of Lambda's Runtime API in its Node.js runtime: loads a function by require, asks for
// invocations and posts its answers. CommonJS, because TypeScript would be compiled within the measured time.
const { Agent, request } = require('node:http');

const [, , file] = process.argv;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

function send(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${base}/${path}`, { agent, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ headers: response.headers, text }));
    });
    outgoing.on('error', reject).end(body);
  });
}

async function main() {
  const { handler } = require(file);
  for (;;) {
    const { headers, text } = await send('GET', 'next');
    const awsRequestId = headers['lambda-runtime-aws-request-id'];
    const endsAt = Number(headers['lambda-runtime-deadline-ms']);
    const answer = await handler(JSON.parse(text), {
      awsRequestId,
      invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: '512',
      getRemainingTimeInMillis: () => endsAt - Date.now(),
    });
    const { user, system } = process.cpuUsage();
    await send(
      'POST',
      `${awsRequestId}/response`,
      { 'bench-cpu': (user + system) / 1_000 },
      JSON.stringify(answer),
    );
  }
}

main();
