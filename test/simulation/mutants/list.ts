/**
 * Ways to break the broker, each by one replacement in its source, and what notices. A promise that no test notices to
 * be broken is not kept by the tests.
 */
export interface Mutant {
  /** What it breaks, as a sentence. */
  readonly breaks: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The simulation, or the test file that fails. */
  readonly caughtBy: 'simulation' | `test/${string}`;
}

const REFRESH = 'shared/broker/grants/refresh.ts';
const COMMIT = 'shared/broker/grants/commit-refresh.ts';
const STATES = 'shared/broker/grants/states.ts';
const REVOKE = 'shared/broker/grants/revoke.ts';
const SWEEP = 'shared/broker/grants/sweep.ts';
const RESOLVE = 'shared/broker/tokens/resolve.ts';
const FITNESS = 'shared/broker/tokens/fitness.ts';
const MINT = 'shared/broker/tokens/mint.ts';
const STORE_GRANT = 'shared/broker/consent/store-grant.ts';
const PENDING = 'shared/broker/consent/pending.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    breaks: 'A refresh token is sent again after a time-out, though it may be spent.',
    file: REFRESH,
    find: "request.vendor.graceWindow > 0 ? 'idempotent' : 'unsent'",
    replace: "'idempotent' as const",
    caughtBy: 'simulation',
  },
  {
    breaks: 'The intent is not written before the refresh token is sent.',
    file: REFRESH,
    find: 'const held = await grants.write(seen, begun(seen, acquisition.lease));',
    replace: 'const held = { ...begun(seen, acquisition.lease), rev: seen.rev };',
    caughtBy: 'simulation',
  },
  {
    breaks: 'What waits in a rescue is not looked for before the refresh token is sent again.',
    file: REFRESH,
    find: 'if (seen.attempts.length > 0 && (await adoptRescue(held, request))) return undefined;',
    replace: '',
    caughtBy: 'simulation',
  },
  {
    breaks: 'An invalid_grant is believed without a look at the rescues.',
    file: REFRESH,
    find: 'if (current?.rev !== held.rev || (await adoptRescue(held, request))) return undefined;',
    replace: 'if (current?.rev !== held.rev) return undefined;',
    caughtBy: 'simulation',
  },
  {
    breaks: 'An invalid_grant is believed at once.',
    file: REFRESH,
    find: 'await clock.sleep(timing.settle);',
    replace: '',
    caughtBy: 'test/broker/grants/rescues.test.ts',
  },
  {
    breaks: 'A refusal without a verdict ends the grant.',
    file: REFRESH,
    find: 'saysItIsOver(error, request.vendor))',
    replace: "error.code === 'vendor_rejected')",
    caughtBy: 'test/broker/grants/refresh.test.ts',
  },
  {
    breaks: 'An outcome that nobody knows is taken for one that nothing came of.',
    file: REFRESH,
    find: 'if (isAmbiguous) {',
    replace: 'if (error instanceof VendorError && !error.message) {',
    caughtBy: 'simulation',
  },
  {
    breaks: 'An answer that a later one of the same consent has outrun is revoked, which may end both.',
    file: REVOKE,
    find: "if (seen && !isGone(seen)) return 'in use';",
    replace: "if (seen && !isGone(seen)) return 'not kept';",
    caughtBy: 'test/broker/grants/commit-refresh.test.ts',
  },
  {
    breaks: 'A late refresh token is revoked while nobody knows what stands in the table.',
    file: REVOKE,
    find: 'await retryWhileUnavailable(clock, acquisition.deadline, () => keepLate(late));',
    replace: "await keepLate(late).catch(() => 'not kept' as const);",
    caughtBy: 'test/broker/grants/commit-refresh.test.ts',
  },
  {
    breaks: 'What a process has read before it was frozen counts as confirmed when it thaws.',
    file: RESOLVE,
    find: 'if (state.token) remember(supply, request, state.token, askedAt);',
    replace: 'if (state.token) remember(supply, request, state.token, clock.now());',
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'A narrower scope is asked for, and not sent.',
    file: REFRESH,
    find: '...((narrowed || (vendor.scopeOnRefresh && scopes.length > 0)) && { scope: scopeKey(scopes) }),',
    replace: '',
    caughtBy: 'simulation',
  },
  {
    breaks: 'The scope is sent whether or not it narrows.',
    file: REFRESH,
    find: '...((narrowed || (vendor.scopeOnRefresh && scopes.length > 0)) && { scope: scopeKey(scopes) }),',
    replace: 'scope: scopeKey(scopes),',
    caughtBy: 'test/broker/grants/refresh.test.ts',
  },
  {
    breaks: 'A commit that failed is not rescued.',
    file: COMMIT,
    find: '    startRescue,\n  ).finally',
    replace: '  ).finally',
    caughtBy: 'test/broker/grants/commit-refresh.test.ts',
  },
  {
    breaks: 'A store that is silent is not given up on in time.',
    file: COMMIT,
    find: 'pause(SILENCE, answered.signal).then(() => answered.signal.aborted || startRescue());',
    replace: 'void pause(SILENCE, answered.signal);',
    caughtBy: 'test/broker/grants/rescues.test.ts',
  },
  {
    breaks: 'A rescue is tried once.',
    file: COMMIT,
    find: '  const saved = await retryWhileUnavailable(\n    clock,\n    deadline,\n    () => save().then(() => true),\n    () => undefined,\n  );\n  return saved ?? false;',
    replace: '  void [clock, deadline];\n  return save().then(\n    () => true,\n    () => false,\n  );',
    caughtBy: 'test/broker/grants/rescues.test.ts',
  },
  {
    breaks: 'A commit is tried once.',
    file: COMMIT,
    find: "    if (await grants.write(seen, next(seen))) return 'committed';\n    seen = await grants.read(held);",
    replace: "    if (await grants.write(seen, next(seen))) return 'committed';\n    return 'outrun';",
    caughtBy: 'test/broker/grants/commit-refresh.test.ts',
  },
  {
    breaks: 'A commit does not recognise itself after its answer was lost.',
    file: COMMIT,
    find: "    if (seen?.lastAttempt === answer.attempt) return 'committed';\n",
    replace: '',
    caughtBy: 'test/broker/grants/commit-refresh.test.ts',
  },
  {
    breaks: 'A commit writes over a consent or a revocation.',
    file: COMMIT,
    find: "if (!seen || isGone(seen)) return 'revoked';\n    if (seen.generation !== held.generation) return 'superseded';",
    replace: "if (!seen) return 'revoked';",
    caughtBy: 'simulation',
  },
  {
    breaks: 'A commit writes an older refresh token over a newer one.',
    file: COMMIT,
    find: "if (!unresolved && seen.lastAttempt !== held.lastAttempt) return 'outrun';",
    replace: 'void unresolved;',
    caughtBy: 'simulation',
  },
  {
    breaks: 'A newer answer gives way to an older one that was committed meanwhile.',
    file: COMMIT,
    find: "if (!unresolved && seen.lastAttempt !== held.lastAttempt) return 'outrun';",
    replace: "void unresolved;\n    if (seen.lastAttempt !== held.lastAttempt) return 'outrun';",
    caughtBy: 'test/broker/grants/rescues.test.ts',
  },
  {
    breaks: 'A commit ends the lease of whoever has taken over.',
    file: COMMIT,
    find: "    if (seen.lease && seen.lease.until > clock.now()) return 'overtaken';\n",
    replace: '    void clock;\n',
    caughtBy: 'test/broker/grants/commit-refresh.test.ts',
  },
  {
    breaks: 'The attempts before one are forgotten when it begins.',
    file: STATES,
    find: 'const attempts = [...grant.attempts.slice(1 - MOST_ATTEMPTS), lease.id];',
    replace: 'const attempts = [lease.id];\n  void MOST_ATTEMPTS;',
    caughtBy: 'simulation',
  },
  {
    breaks: 'An attempt is not noted when it begins.',
    file: STATES,
    find: 'const attempts = [...grant.attempts.slice(1 - MOST_ATTEMPTS), lease.id];',
    replace: 'const attempts = grant.attempts;\n  void MOST_ATTEMPTS;',
    caughtBy: 'simulation',
  },
  {
    breaks: 'A commit resolves later attempts, too.',
    file: STATES,
    find: 'const attempts = grant.attempts.slice(grant.attempts.indexOf(answer.attempt) + 1);',
    replace: 'const attempts: string[] = [];',
    caughtBy: 'simulation',
  },
  {
    breaks: 'A success keeps the failure before it.',
    file: STATES,
    find: 'const { lease: _, lastFailure: __, ...kept } = grant;',
    replace: 'const { lease: _, ...kept } = grant;',
    caughtBy: 'test/broker/grants/refresh.test.ts',
  },
  {
    breaks: 'The new refresh token is not stored.',
    file: STATES,
    find: '    ...present({ refreshToken: answer.refreshToken }),\n',
    replace: '',
    caughtBy: 'simulation',
  },
  {
    breaks: 'An attempt that came to nothing keeps its lease.',
    file: STATES,
    find: 'return { ...kept, attempts, failures: noted(grant.failures, key, failure), dueAt };',
    replace: 'return { ...grant, attempts, failures: noted(grant.failures, key, failure), dueAt };',
    caughtBy: 'test/broker/grants/refresh.test.ts',
  },
  {
    breaks: 'The end of a grant erases its refresh token.',
    file: STATES,
    find: "const next: Grant = { ...kept, status: 'consent_required', attempts, lastFailure };",
    replace:
      "const { refreshToken: __, ...rest } = kept;\n  const next: Grant = { ...rest, status: 'consent_required', attempts, lastFailure };",
    caughtBy: 'simulation',
  },
  {
    breaks: 'A tombstone keeps the generation.',
    file: STATES,
    find: "status: 'revoked', generation: randomUUID(), endedGeneration, tokens",
    replace: "status: 'revoked', generation: endedGeneration, tokens",
    caughtBy: 'simulation',
  },
  {
    breaks: 'A tombstone keeps the access tokens.',
    file: STATES,
    find: 'const tokens = grant.refreshToken ? {} : grant.tokens;',
    replace: 'const { tokens } = grant;',
    caughtBy: 'test/broker/grants/revoke.test.ts',
  },
  {
    breaks: 'Tokens that a refresh has ended are kept.',
    file: STATES,
    find: 'policy.vendor.refreshKillsAccessToken ? {} : grant.tokens;',
    replace: 'grant.tokens;',
    caughtBy: 'test/broker/grants/exclusive.test.ts',
  },
  {
    breaks: 'A revocation forgets the grant before it has made a tombstone.',
    file: REVOKE,
    find: "const tombstone =\n        seen.status === 'revoked' ? seen : await grants.write(seen, buried(seen, clock.now()));",
    replace: 'const tombstone: Stored<Grant> | undefined = seen;',
    caughtBy: 'test/broker/grants/revoke.test.ts',
  },
  {
    breaks: 'The process that revokes goes on serving from memory while the vendor is told.',
    file: REVOKE,
    find: '      parts.forget(key);\n      // Once more',
    replace: '      // Once more',
    caughtBy: 'test/broker/grants/revoke.test.ts',
  },
  {
    breaks: 'The process that revokes goes on serving from memory what it had read ahead of the tombstone.',
    file: REVOKE,
    find: '.finally(() => parts.forget(key))',
    replace: '',
    caughtBy: 'test/broker/grants/revoke.test.ts',
  },
  {
    breaks: 'A failed attempt to renew is not looked after by the sweep.',
    file: SWEEP,
    find: "(grant.lease && grant.lease.until > now)) return 'skipped';",
    replace: "grant.lease) return 'skipped';",
    caughtBy: 'test/broker/grants/sweep.test.ts',
  },
  {
    breaks: 'The sweep believes its index.',
    file: SWEEP,
    find: 'if (!grant || grant.dueAt > now + lookAhead || (grant.lease && grant.lease.until > now))',
    replace: 'if (!grant || (grant.lease && grant.lease.until > now))',
    caughtBy: 'test/broker/grants/sweep.test.ts',
  },
  {
    breaks: 'Failures of a connection are counted though others succeed in between.',
    file: SWEEP,
    find: '        failures.delete(key.connection);\n',
    replace: '',
    caughtBy: 'test/broker/grants/sweep.test.ts',
  },
  {
    breaks: 'A store that fails is no reason to leave the rest of a connection.',
    file: SWEEP,
    find: '    error instanceof StoreUnavailable ||\n',
    replace: '',
    caughtBy: 'test/broker/grants/sweep.test.ts',
  },
  {
    breaks: 'A defect is swallowed by the sweep.',
    file: SWEEP,
    find: '        if (!(error instanceof BrokerError)) defect ??= error;\n',
    replace: '',
    caughtBy: 'test/broker/grants/sweep.test.ts',
  },
  {
    breaks: 'A caller waits as long as its invocation lasts.',
    file: RESOLVE,
    find: 'return Math.min(request.endsAt - ANSWER_RESERVE, request.begunAt + wait);',
    replace: 'return request.endsAt - ANSWER_RESERVE + 0 * wait;',
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'An answer may outlast the invocation.',
    file: RESOLVE,
    find: 'const outcome = state && (await before(limit, flight.outcome));',
    replace: 'const outcome = state && (await before(limit + 1e9, flight.outcome));',
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'A token with less life than was asked for is not given when time is up.',
    file: RESOLVE,
    find: "if (token && (fitness === 'good' || fitness === 'short'))",
    replace: "if (token && fitness === 'good')",
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'A lease that another process holds is not respected.',
    file: RESOLVE,
    find: 'state.lease && state.lease.until > now ? state.lease : undefined',
    replace: 'state.lease && state.lease.until > now + 1e9 ? state.lease : undefined',
    caughtBy: 'simulation',
  },
  {
    breaks: 'What was rejected is given back.',
    file: FITNESS,
    find: "  if (token.fingerprint === need.rejected) return 'refused';\n",
    replace: '',
    caughtBy: 'simulation',
  },
  {
    breaks: 'Memory serves a token for ten minutes.',
    file: RESOLVE,
    find: 'found.confirmedAt + timing.memoryRecheck <= now',
    replace: 'found.confirmedAt + 10 * timing.memoryRecheck <= now',
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'Memory serves a token that a refresh elsewhere may have ended.',
    file: RESOLVE,
    find: 'supply.exclusive ? undefined : memory.get(supply.key)',
    replace: 'memory.get(supply.key)',
    caughtBy: 'test/broker/grants/exclusive.test.ts',
  },
  {
    breaks: 'A failed renewal fails callers whom the token in hand would do.',
    file: RESOLVE,
    find: "if (token && fitness === 'good' && !(reason?.kind === 'leased' && reason.ending)) {",
    replace: "if (token && fitness === 'good' && !reason) {",
    caughtBy: 'simulation',
  },
  {
    breaks: 'A min_ttl that cannot be met keeps a due token from being renewed.',
    file: RESOLVE,
    find: "fitness === 'short' && !due && supply.exclusive",
    replace: "fitness === 'short' && supply.exclusive",
    caughtBy: 'test/broker/grants/exclusive.test.ts',
  },
  {
    breaks: 'A caller with a valid token in hand waits for its renewal as long as it takes.',
    file: RESOLVE,
    find: 'const limit = isGood ? Math.min(answerBy, clock.now() + patienceOf(supply)) : answerBy;',
    replace: 'const limit = answerBy;',
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'Callers at one time each read and renew.',
    file: RESOLVE,
    find: 'if (flight) return { ...flight, own: false };',
    replace: 'void flight;',
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'Whoever waits for another process reads what may be outdated.',
    file: MINT,
    find: 'tokens.read(key, { consistent })',
    replace: 'tokens.read(key, { consistent: consistent && false })',
    caughtBy: 'test/broker/tokens/resolve.test.ts',
  },
  {
    breaks: 'A process does not remember for the table what it has read from it.',
    file: MINT,
    find: '    if (entry) fallback.put(key, entry);\n',
    replace: '',
    caughtBy: 'test/broker/tokens/mint.test.ts',
  },
  {
    breaks: 'A token is minted without a lease.',
    file: MINT,
    find: 'tokens.write(key, seen, { ...seen, lease: acquisition.lease })',
    replace: 'tokens.write(key, seen, { ...seen })',
    caughtBy: 'simulation',
  },
  {
    breaks: 'A lease is as long as its holder may act.',
    file: 'shared/broker/vendor/access.ts',
    find: 'until: deadline + clockSkew',
    replace: 'until: deadline + 0 * clockSkew',
    caughtBy: 'simulation',
  },
  {
    breaks: 'Refusals of one version of a secret count against the next.',
    file: 'shared/broker/vendor/failure.ts',
    find: 'before && before.secretVersion === secretVersion && ',
    replace: 'before && ',
    caughtBy: 'test/broker/vendor/refusals.test.ts',
  },
  {
    breaks:
      'A consent does not recognise its own write after the answer was lost, and revokes what it stored.',
    file: STORE_GRANT,
    find: "      if (existing?.generation === grant.generation) return 'stored';\n",
    replace: '',
    caughtBy: 'test/broker/consent/consent.test.ts',
  },
  {
    breaks: 'A consent that came second replaces the first, unasked.',
    file: STORE_GRANT,
    find: "      if (isLive(existing, redemption) && changed && !pending.replace) return 'taken';\n",
    replace: '',
    caughtBy: 'test/broker/consent/consent.test.ts',
  },
  {
    breaks: 'A consent that was begun before a revocation brings the grant back.',
    file: STORE_GRANT,
    find: "      if (ended !== undefined && ended !== pending.endedGeneration) return 'revoked';\n",
    replace: '',
    caughtBy: 'simulation',
  },
  {
    breaks: 'A code is exchanged by whoever comes.',
    file: PENDING,
    find: 'return claimed && { handle, claimed, acquisition };',
    replace: 'return { handle, claimed: claimed ?? pending, acquisition };',
    caughtBy: 'test/broker/consent/consent.test.ts',
  },
  {
    breaks: 'A device whose poll died is never polled again.',
    file: PENDING,
    find: "if (pending.kind === 'code') return { ...pending, status: 'finishing' };",
    replace:
      "if (pending.kind) return { ...pending, status: 'finishing', ...(lease && { nextPollAt: now + 1e9 }) };",
    caughtBy: 'test/broker/consent/consent.test.ts',
  },
  {
    breaks: 'A device consent lives as long as the vendor says.',
    file: 'shared/broker/consent/start.ts',
    find: 'Math.min(device.expiresAt, now + LONGEST_DEVICE_LIFE)',
    replace: 'Math.max(device.expiresAt, now + 0 * LONGEST_DEVICE_LIFE)',
    caughtBy: 'test/broker/consent/consent.test.ts',
  },
  {
    breaks: 'A rescue opens for another attempt of the grant.',
    file: 'shared/aws/rescues.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    find: 'purpose: `rescue ${attempt}`',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    replace: "purpose: `rescue ${attempt && ''}`",
    caughtBy: 'test/aws/stores.test.ts',
  },
];
