import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { root } from '../integration/support';

interface Component {
  'bom-ref': string;
  type: string;
  name: string;
  version?: string;
  purl?: string;
  hashes?: { alg: string; content: string }[];
  components?: Component[];
}
interface Bill {
  bomFormat: string;
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

let bill: Bill;

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/sbom.mjs')]);
  bill = json('build/packages/sbom.json') as Bill;
});

const json = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));

const all = (components: Component[]): Component[] =>
  components.flatMap((one) => [one, ...all(one.components ?? [])]);

describe('the bill of materials', () => {
  it('is of the package and has what it depends on, in the versions of the lockfile', () => {
    const { dependencies, version } = json('package.json') as {
      dependencies: Record<string, string>;
      version: string;
    };
    const { packages } = json('package-lock.json') as {
      packages: Record<string, { version: string }>;
    };
    expect(bill).toMatchObject({
      bomFormat: 'CycloneDX',
      metadata: { component: { name: 'onlite', version } },
    });
    const found = bill.components.map(({ purl }) => purl);
    for (const name of Object.keys(dependencies)) {
      expect(found).toContain(`pkg:npm/${name}@${packages[`node_modules/${name}`]?.version ?? ''}`);
    }
    expect(found.filter((purl) => /vitest|typescript|prom-client/.test(purl ?? ''))).toEqual([]);
  });

  it('has the libraries that set-up has put here, with their checksums', () => {
    const platform = `${process.platform}-${process.arch}`;
    const runtime = bill.components.find(({ name }) => name === `@onlite/runtime-${platform}`);
    expect(runtime?.components?.map(({ name }) => name)).toEqual([
      'ONNX Runtime',
      'TensorFlow Lite',
    ]);
    const files = all(runtime?.components ?? []).filter(({ type }) => type === 'file');
    expect(files.length).toBeGreaterThanOrEqual(2);
    for (const { 'bom-ref': path, hashes } of files) {
      const content = createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('hex');
      expect(hashes, path).toEqual([{ alg: 'SHA-256', content }]);
    }
  });

  it('has every reference once, and knows whatever it refers to', () => {
    const references = [bill.metadata.component, ...all(bill.components)].map(
      (component) => component['bom-ref'],
    );
    expect(references.filter((ref, index) => references.indexOf(ref) !== index)).toEqual([]);
    const used = bill.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    expect(used.filter((ref) => !references.includes(ref))).toEqual([]);
  });
});
