/** Shorter ones are no secrets, and would be found in `invalid_client` by chance. */
const SHORTEST_SECRET = 8;

/** Whether a text repeats one of the values that were sent, or a part of it: raw, or encoded in a way that servers use. */
export function echoes(secrets: readonly string[], text: string): boolean {
  const shown = text.toLowerCase();
  return secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap(encodings)
    .map((form) => form.toLowerCase())
    .some((form) => shown.includes(form) || (shown.length >= SHORTEST_SECRET && form.includes(shown)));
}

function encodings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  return [secret, base64, bytes.toString('base64url'), bytes.toString('hex'), encodeURIComponent(secret)];
}
