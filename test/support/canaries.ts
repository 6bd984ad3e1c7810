/** Values that must turn up nowhere, and the search for them in every dress that they may wear. */

/** A leaked piece this long is a leak, however the rest was cut off. */
const PIECE = 24;

export class Canaries {
  readonly #forms = new Map<string, string>();
  readonly #names = new Set<string>();
  readonly #known = new Set<string>();

  /** @param name what the value is, for the message */
  add(name: string, ...values: readonly string[]): void {
    this.#names.add(name);
    for (const value of values) {
      if (this.#known.has(value)) continue;
      this.#known.add(value);
      if (value.length < 8) throw new Error(`${name}: too short to be told from chance`);
      for (const form of dresses(value)) this.#forms.set(form, name);
    }
  }

  /** Kinds of values that are looked for. */
  names(): string[] {
    return [...this.#names];
  }

  /** What of it is in the text, with a little of what stands before each. */
  findIn(text: string): string[] {
    const found = new Map<string, string>();
    for (const [form, name] of this.#forms) {
      const at = text.indexOf(form);
      if (at >= 0) found.set(name, `${name} after ${JSON.stringify(text.slice(Math.max(0, at - 200), at))}`);
    }
    return [...found.values()];
  }
}

function dresses(value: string): Set<string> {
  const pieces = value.length < 2 * PIECE ? [] : chunks(value);
  const whole = [value, ...value.split('\n').filter((line) => line.length >= PIECE)];
  return new Set([
    ...whole,
    ...pieces,
    encodeURIComponent(value),
    new URLSearchParams({ value }).toString().slice('value='.length),
    ...escaped(value),
    ...[...whole, ...escaped(value)].flatMap(base64),
    Buffer.from(value).toString('hex'),
    value.toUpperCase(),
    value.toLowerCase(),
  ]);
}

function chunks(value: string): string[] {
  const count = Math.floor(value.length / PIECE);
  return Array.from({ length: count }, (_, index) => value.slice(index * PIECE, (index + 1) * PIECE));
}

/** As it stands in JSON, and in JSON within JSON. */
function escaped(value: string): string[] {
  const once = JSON.stringify(value).slice(1, -1);
  return [once, JSON.stringify(once).slice(1, -1)];
}

/** Base64 of a text that holds the value, wherever it begins in it: only the characters that are the value's alone. */
function base64(value: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]);
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor((bytes.length * 8) / 6);
    return [bytes.toString('base64').slice(first, last), bytes.toString('base64url').slice(first, last)];
  });
}
