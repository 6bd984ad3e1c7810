/** ` (did you mean "…"?)` when one of the known names is close to the one found, else nothing. */
export function didYouMean(found: string, known: readonly string[]): string {
  const closest = known
    .map((name) => ({ name, distance: editDistance(plain(found), plain(name)) }))
    .filter(({ name, distance }) => distance <= Math.min(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return closest ? ` (did you mean "${closest.name}"?)` : '';
}

/** `clientAuth`, `client-auth` and `client_auth` are the same slip; longer names than any of ours are cut. */
const plain = (name: string) => name.slice(0, 64).toLowerCase().replaceAll(/[_-]/g, '');

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
