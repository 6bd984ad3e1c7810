import { createTokenClient } from 'token-broker';

const { BITS_API = 'https://api.bits.bi' } = process.env;

// Outside of the handler: the token is kept for the next invocations.
const broker = createTokenClient(
  { functionName: 'token-broker-invoke' },
  { apiHosts: { onboarding: [new URL(BITS_API).host] } },
);

export async function handler(): Promise<{ customer: string }> {
  const response = await broker.fetch('onboarding', `${BITS_API}/oauth2/userinfo`);
  if (!response.ok) throw new Error(`Bits answered ${response.status}`);
  const { customerId } = (await response.json()) as { customerId: string };
  return { customer: customerId };
}
