import { isObject } from '../contract/json.ts';
import { CONNECTION_NAME } from '../contract/messages.ts';
import { didYouMean } from '../contract/suggest.ts';
import type { Connection, ConnectionsIssue, VendorRules } from './connection.ts';
import { OUT_OF_BAND } from './connection.ts';
import { withDefaults } from './defaults.ts';
import { ConnectionsFileError, pathOf, show } from './issues.ts';
import { parseJson } from './json.ts';
import { checkRules } from './rules.ts';
import { maySecretsBeSame } from './secret.ts';
import { checkShape, unknownMembers } from './shape.ts';

export interface ParseOptions {
  /** By the name that `vendor` takes. */
  readonly vendors: Readonly<Record<string, VendorRules>>;
  /** `true` only in the local program: http on loopback hosts passes. */
  readonly allowLoopbackHttp: boolean;
}

/**
 * Checks a connections file's text and fills in every default.
 * @throws ConnectionsFileError with every mistake in it
 */
export function parseConnectionsText(text: string, options: ParseOptions): ReadonlyMap<string, Connection> {
  return parseConnections(parseJson(text), options);
}

/**
 * The same, from a value that was JSON. Order is the file's.
 * @throws ConnectionsFileError with every mistake in it
 */
export function parseConnections(value: unknown, options: ParseOptions): ReadonlyMap<string, Connection> {
  const issues: ConnectionsIssue[] = [];
  const connections = new Map<string, Connection>();
  for (const [name, entry] of entriesOf(value, issues)) {
    const parsed = parseConnection(name, entry, options);
    if (Array.isArray(parsed)) issues.push(...parsed);
    else connections.set(name, parsed);
  }
  issues.push(...formerNames([...connections.values()]));
  issues.push(...sharedSecrets([...connections.values()], options.vendors));
  issues.push(...sharedRedirects([...connections.values()], options.vendors));
  if (issues.length > 0) throw new ConnectionsFileError(issues);
  return connections;
}

/** The named connections of a file; reports what else is on its top level. */
function entriesOf(file: unknown, issues: ConnectionsIssue[]): [string, unknown][] {
  const allowed = 'an object {"connections": {NAME: {"vendor": …}, …}}';
  if (!isObject(file)) {
    issues.push({ path: 'the file', found: show(file), allowed });
    return [];
  }
  issues.push(...unknownMembers(file, ['$schema', 'connections'], []));
  if (Object.hasOwn(file, '$schema') && typeof file.$schema !== 'string') {
    issues.push({
      path: '$schema',
      found: show(file.$schema),
      allowed: 'the path or URL of the JSON Schema',
    });
  }
  const connections = Object.hasOwn(file, 'connections') ? file.connections : undefined;
  if (isObject(connections)) return Object.entries(connections);
  issues.push({ path: 'connections', found: show(connections), allowed });
  return [];
}

function parseConnection(
  name: string,
  entry: unknown,
  options: ParseOptions,
): Connection | ConnectionsIssue[] {
  const issues: ConnectionsIssue[] = [];
  const report = (path: string, found: string, allowed: string) => issues.push({ path, found, allowed });
  const path = pathOf('connections', name);
  // `__proto__` fits the pattern, but too many JSON tools drop it or worse.
  if (!CONNECTION_NAME.test(name) || name === '__proto__') {
    report(path, `the name ${show(name)}`, '1-64 of A-Z a-z 0-9 _ -, not digits alone, not __proto__');
  }
  if (!isObject(entry)) {
    report(path, show(entry), 'an object with "vendor"');
    return issues;
  }
  const { members, misshapen } = checkShape(name, entry, issues);
  const vendors = Object.keys(options.vendors);
  if (members.vendor === undefined || !Object.hasOwn(options.vendors, members.vendor)) {
    const allowed = vendors.map((vendor) => `"${vendor}"`).join(', ');
    const hint = members.vendor === undefined ? '' : didYouMean(members.vendor, vendors);
    report(pathOf('connections', name, 'vendor'), show(entry.vendor), `one of ${allowed}${hint}`);
    return issues;
  }
  const vendor = options.vendors[members.vendor]!;
  const connection = withDefaults(name, { ...members, vendor: vendor.name }, vendor);
  issues.push(...checkRules({ vendor, options, members, connection, misshapen }));
  if (misshapen.size === 0) issues.push(...furtherIssues(vendor, connection, issues));
  if (issues.length > 0) return issues;
  return { ...connection, apiHosts: members.api_hosts ?? vendor.apiHosts(connection) };
}

/** What the vendor finds, without saying anything twice about one member. */
function furtherIssues(vendor: VendorRules, connection: Connection, issues: readonly ConnectionsIssue[]) {
  const told = new Set(issues.map(({ path }) => path));
  return (vendor.problems?.(connection) ?? []).filter(({ path }) => !told.has(path));
}

/** A former name is nobody's name now, and one connection's only: its grants can move to one place. */
function formerNames(connections: readonly Connection[]): ConnectionsIssue[] {
  const taken = new Map(connections.map(({ name }) => [name, name]));
  return connections.flatMap(({ name, renamedFrom }) => {
    if (renamedFrom === undefined) return [];
    const other = taken.get(renamedFrom);
    taken.set(renamedFrom, name);
    if (other === undefined) return [];
    const found = `${show(renamedFrom)}, which is or was the name of "${other}"`;
    return {
      path: pathOf('connections', name, 'renamed_from'),
      found,
      allowed: 'a name that no connection has',
    };
  });
}

/**
 * A secret goes to the same places whichever connection sends it: whoever has a say in one connection must not get
 * another's secret, not by any of the endpoints that a client proves itself at. As little AWS's word for an audience, which
 * is as good for every client of the broker's there.
 */
function sharedSecrets(
  connections: readonly Connection[],
  vendors: ParseOptions['vendors'],
): ConnectionsIssue[] {
  const goesTo = (connection: Connection) =>
    `vendor "${connection.vendor}" at ${hostsOf(connection, vendors).join(', ')}`;
  return connections.flatMap((connection, index) => {
    const { name, secret, webIdentity } = connection;
    const other = connections
      .slice(0, index)
      .find((each) => mayProveAlike(each, connection) && goesTo(each) !== goesTo(connection));
    if (!other) return [];
    const [member, what] = webIdentity ? ['identity_audience', 'an audience'] : ['secret', 'a secret'];
    return {
      path: pathOf('connections', name, member),
      found: `${show(webIdentity?.audience ?? secret)}, which would go to ${goesTo(connection)}`,
      allowed: `${what} of its own: connection "${other.name}" sends this one to ${goesTo(other)}`,
    };
  });
}

/** May what the one proves itself by be taken for the other's? */
function mayProveAlike(a: Connection, b: Connection): boolean {
  if (a.webIdentity && b.webIdentity) return a.webIdentity.audience === b.webIdentity.audience;
  return a.webIdentity === b.webIdentity && maySecretsBeSame(a.secret, b.secret);
}

/** Every host that a client's secret may be sent to: token, device authorization and revocation endpoint. */
function hostsOf(connection: Connection, vendors: ParseOptions['vendors']): string[] {
  const token = vendors[connection.vendor]!.tokenHost(connection);
  const { baseUrl, deviceAuthorizationEndpoint, revocationEndpoint, endpointHosts } = connection;
  const { pushedAuthorizationRequestEndpoint } = connection;
  if (baseUrl !== undefined) return [token];
  const explicit = [
    deviceAuthorizationEndpoint,
    pushedAuthorizationRequestEndpoint,
    revocationEndpoint,
  ].flatMap((url) => URL.parse(url ?? '')?.host ?? []);
  return [...new Set([token, ...explicit, ...endpointHosts])].sort();
}

/**
 * Two servers that send people back to one address can be mixed up: the answer of the one would be taken for the
 * other's, and its code sent there (RFC 9700 §4.4).
 */
function sharedRedirects(
  connections: readonly Connection[],
  vendors: ParseOptions['vendors'],
): ConnectionsIssue[] {
  const serverOf = (connection: Connection) => vendors[connection.vendor]!.tokenHost(connection);
  return connections.flatMap((connection, index) => {
    const { redirectUri } = connection;
    if (redirectUri === undefined || redirectUri === OUT_OF_BAND) return [];
    const other = connections
      .slice(0, index)
      .find((each) => each.redirectUri === redirectUri && serverOf(each) !== serverOf(connection));
    if (!other) return [];
    return {
      path: pathOf('connections', connection.name, 'redirect_uri'),
      found: `${show(redirectUri)}, which connection "${other.name}" has for another server`,
      allowed: "a redirect URI for each server; the default is one of the connection's own",
    };
  });
}
