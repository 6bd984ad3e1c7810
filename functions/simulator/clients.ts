import { DEVICE_CODE_GRANT, OUT_OF_BAND } from '../../shared/connections/connection.ts';

export const VENDOR_NAMES = ['bugsplat', 'bugfender', 'bipsync', 'bits'] as const;
export type VendorName = (typeof VENDOR_NAMES)[number];

/** A client that a simulated vendor knows. One with neither secret nor key is public. */
export interface RegisteredClient {
  readonly clientId: string;
  readonly clientSecret?: string;
  /** SPKI PEM; the client proves itself with RS256 assertions (RFC 7523). */
  readonly publicKey?: string;
  readonly grants: readonly string[];
  /** Everything it may be given. */
  readonly scopes: readonly string[];
  /** Compared exactly; `*` stands for any port, or for the last segment of the path. */
  readonly redirectUris?: readonly string[];
}

/** A client's secret as the broker reads it from Secrets Manager. */
export interface ClientSecretValue {
  readonly client_id: string;
  readonly client_secret?: string;
  /** PKCS#8 PEM. */
  readonly private_key?: string;
}

export interface DemoClient extends RegisteredClient {
  readonly vendor: VendorName;
  /** Its key pair is made when its secret is first asked for. */
  readonly proof?: 'assertion';
}

/** Where demo clients may be called back: `/callback` or one below it on any loopback port, or the code on screen. */
const DEMO_REDIRECT_URIS = [
  'http://127.0.0.1:*/callback',
  'http://127.0.0.1:*/callback/*',
  'http://localhost:*/callback',
  'http://localhost:*/callback/*',
  OUT_OF_BAND,
] as const;

const BIPSYNC_SCOPES = ['team_42', 'team_43', 'research:read', 'research:write'];

/**
 * The clients that every simulation knows from its start. Their secrets are public, and hold the characters
 * that encodings get wrong.
 */
export const DEMO_CLIENTS = {
  'bugsplat-symbols': {
    vendor: 'bugsplat',
    clientId: 'demo-bugsplat-symbols',
    clientSecret: 'demo-secret-bugsplat-symbols:%2B+&=é',
    grants: ['client_credentials'],
    scopes: ['symbols'],
  },
  'bugsplat-restricted': {
    vendor: 'bugsplat',
    clientId: 'demo-bugsplat-restricted',
    clientSecret: 'demo-secret-bugsplat-restricted',
    grants: ['client_credentials'],
    scopes: ['restricted'],
  },
  'bugfender-service': {
    vendor: 'bugfender',
    clientId: 'demo-bugfender-service',
    clientSecret: 'demo-secret-bugfender-service+%26&ß',
    grants: ['client_credentials'],
    scopes: ['all'],
  },
  'bugfender-key': {
    vendor: 'bugfender',
    clientId: 'demo-bugfender-key',
    proof: 'assertion',
    grants: ['client_credentials'],
    scopes: ['all'],
  },
  'bugfender-integration': {
    vendor: 'bugfender',
    clientId: 'demo-bugfender-integration',
    clientSecret: 'demo-secret-bugfender-integration',
    grants: ['authorization_code', 'refresh_token'],
    scopes: ['all'],
    redirectUris: DEMO_REDIRECT_URIS,
  },
  'bipsync-team': {
    vendor: 'bipsync',
    clientId: 'demo-bipsync-team',
    clientSecret: 'demo-secret-bipsync-team&%:+',
    grants: ['client_credentials'],
    scopes: BIPSYNC_SCOPES,
  },
  'bipsync-user': {
    vendor: 'bipsync',
    clientId: 'demo-bipsync-user',
    clientSecret: 'demo-secret-bipsync-user',
    grants: ['authorization_code', 'refresh_token'],
    scopes: BIPSYNC_SCOPES,
    redirectUris: DEMO_REDIRECT_URIS,
  },
  'bipsync-kiosk': {
    vendor: 'bipsync',
    clientId: 'demo-bipsync-kiosk',
    grants: [DEVICE_CODE_GRANT, 'authorization_code', 'refresh_token'],
    scopes: BIPSYNC_SCOPES,
    redirectUris: DEMO_REDIRECT_URIS,
  },
  bits: {
    vendor: 'bits',
    clientId: 'demo-bits',
    clientSecret: 'demo-secret-bits:%3A+&ü',
    grants: ['client_credentials'],
    scopes: ['application', 'application.read', 'application.session'],
  },
} as const satisfies Record<string, DemoClient>;
export type DemoClientName = keyof typeof DEMO_CLIENTS;

/** One vendor's demo clients, by name. */
export function demoClients(vendor: VendorName): Record<string, DemoClient> {
  const all: [string, DemoClient][] = Object.entries(DEMO_CLIENTS);
  return Object.fromEntries(all.filter(([, client]) => client.vendor === vendor));
}

/** Whether the client may be sent there. */
export function admitsRedirect(client: RegisteredClient, redirectUri: string): boolean {
  return (client.redirectUris ?? []).some((registered) => {
    const literal = registered.split('*').map((part) => part.replace(/\W/g, '\\$&'));
    return new RegExp(`^${literal.join('[A-Za-z0-9_-]{1,64}')}$`).test(redirectUri);
  });
}
