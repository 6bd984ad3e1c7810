import fc from 'fast-check';

/** Query strings of callbacks that must not finish the consent whose true callback is `url`. */
export function forgedQueries(url: URL): fc.Arbitrary<string> {
  const truth = [...url.searchParams];
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', '%', '%00', '%E0%A4%A', '%uD800', '../', '<script>', "' OR 1=1", '__proto__', '[]'),
    fc.constantFrom(...truth.map(([, text]) => text)),
  );
  const name = fc.oneof(
    fc.constantFrom('code', 'state', 'iss', 'error', 'error_description', 'STATE', 'state[]', 'response'),
    fc.string(),
  );
  /** Anything, percent-encoded or as it is. */
  const noise = fc
    .array(fc.tuple(name, value, fc.boolean()), { maxLength: 6 })
    .map((pairs) =>
      pairs
        .map(([key, text, raw]) => (raw ? `${key}=${text}` : new URLSearchParams([[key, text]]).toString()))
        .join('&'),
    );
  /** The truth with one parameter changed, left out or repeated. */
  const bent = fc
    .tuple(fc.nat(truth.length - 1), fc.constantFrom('change', 'drop', 'repeat'), value)
    .map(([index, how, text]) => {
      const pairs = truth.flatMap(([key, old], at) => {
        if (at !== index) return [[key, old]];
        if (how === 'drop') return [];
        return how === 'change'
          ? [[key, `${old}${text || 'x'}`]]
          : [
              [key, old],
              [key, text],
            ];
      });
      return new URLSearchParams(pairs as [string, string][]).toString();
    });
  return fc.oneof(noise, bent).filter((query) => !finishes(new URLSearchParams(query), url));
}

/** Chance may hit upon what is not forged: the truth itself, with another code, or the vendor's refusal. */
function finishes(query: URLSearchParams, { searchParams: truth }: URL): boolean {
  const once = (name: string) => query.getAll(name).length === 1;
  const mine = once('state') && query.get('state') === truth.get('state');
  return mine && once('iss') && query.get('iss') === truth.get('iss') && (once('code') || query.has('error'));
}
