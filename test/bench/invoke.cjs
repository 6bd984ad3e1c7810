// A Lambda execution environment in small: loads a function, invokes it so often, and sends how long each took, in milliseconds. CommonJS,
// because Lambda's runtime loads bundles by require, and TypeScript would be compiled within the measured time.
const [, , file, event, invocations] = process.argv;

async function main() {
  const { handler } = require(file);
  const times = [];
  let answer;
  for (let index = 0; index < Number(invocations); index += 1) {
    const context = {
      awsRequestId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: '512',
      getRemainingTimeInMillis: () => 29_000,
    };
    const at = performance.now();
    answer = await handler(JSON.parse(event), context);
    JSON.stringify(answer);
    times.push(performance.now() - at);
  }
  if (answer.statusCode !== 200) throw new Error(`It answered ${JSON.stringify(answer)}`);
  process.send({ times }, () => process.exit());
}

main();
