import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestToken } from '../../shared/oauth/token-endpoint.ts';
import { budgetOf, tokenCall, vendorErrorOf } from './support.ts';

/** A server whose certificate nobody vouches for, made anew so that no key lies in the repository. */
let server: Server;
let requests = 0;

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tls-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const files = ['-keyout', key, '-out', cert];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...subject, ...files],
    {
      stdio: 'ignore',
    },
  );
  server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
    requests += 1;
    response.end('{"access_token":"a"}');
  });
  rmSync(directory, { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
});
afterAll(() => server.close());

test('a certificate that nobody vouches for is refused before anything is sent, whatever the environment says', async () => {
  const { port } = server.address() as AddressInfo;
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  try {
    const call = tokenCall(`https://localhost:${port}`, { budget: budgetOf(undefined, { attempts: 1 }) });
    const error = await vendorErrorOf(requestToken(call));
    expect(error).toMatchObject({ code: 'vendor_unavailable', ambiguous: false });
    expect(error.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(requests).toBe(0);
  } finally {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  }
});
