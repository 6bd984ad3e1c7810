/** The packages whose code is compiled into what is shipped: their licences, and the bill of materials. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';

export interface CompiledIn {
  readonly name: string;
  readonly version: string;
  /** SPDX identifier, or an expression in brackets. */
  readonly license: string;
  readonly folder: string;
}

/** Ask for nothing but their text to be passed on. */
const ADMITTED = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT-0',
  '(MIT OR Apache-2.0)',
];

/**
 * @param inputs paths of the compiled files, from `root`
 * @throws Error naming the packages whose licence is none of those that are admitted
 */
export function packagesIn(inputs: Iterable<string>, root: string): CompiledIn[] {
  const folders = [...inputs].flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  const packages = [...new Set(folders)].sort().map((path) => {
    const folder = join(root, path);
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return { name, version, license, folder };
  });
  const others = packages.filter(({ license }) => !ADMITTED.includes(license));
  if (others.length === 0) return packages;
  const found = others.map(({ name, license }) => `${name} (${license})`).join(', ');
  throw new Error(`Licences that are not admitted: ${found}. Admitted are ${ADMITTED.join(', ')}.`);
}

/** As most of them ask for. */
export function licensesOf(packages: readonly CompiledIn[]): string {
  return packages
    .map(({ name, version, license, folder }) => {
      const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
      const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
      return `## ${name} ${version} (${license})\n\n${text.trim()}\n`;
    })
    .join('\n');
}

/** Which of them are in `product`, for those who watch for vulnerabilities: CycloneDX 1.6, JSON. */
export function billOfMaterials(
  product: { readonly name: string; readonly version: string },
  packages: readonly CompiledIn[],
): string {
  const bom = new Models.Bom();
  bom.metadata.component = componentOf({ ...product, license: 'Apache-2.0' });
  for (const each of packages) bom.components.add(componentOf(each));
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function componentOf({ name, version, license }: Pick<CompiledIn, 'name' | 'version' | 'license'>) {
  const [, group, own] = /^(?:(@[^/]+)\/)?(.+)$/.exec(name)!;
  // https://github.com/package-url/purl-spec: the @ of a scope is percent-encoded.
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const kind = license.startsWith('(') ? Models.LicenseExpression : Models.SpdxLicense;
  const licenses = new Models.LicenseRepository([new kind(license)]);
  const about = { version, purl, bomRef: purl, licenses, ...(group !== undefined && { group }) };
  return new Models.Component(Enums.ComponentType.Library, own!, about);
}
