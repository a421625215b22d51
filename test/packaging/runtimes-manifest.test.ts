import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

interface Pinned {
  from: string;
  to: string;
  bytes: number;
  sha256: string;
}
interface Choice {
  archive: string;
  version: string;
  files: Pinned[];
}
interface FileSet {
  name: string;
  when: string;
  platform: string;
  required: boolean;
  missing?: string;
  choices?: Choice[];
}
interface Archive {
  registry: string;
  package: string;
  version: string;
  platform?: string;
  file: string;
  bytes: number;
  sha256: string;
}
interface Manifest {
  archives: Record<string, Archive>;
  sets: FileSet[];
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCRIPT = `${ROOT}scripts/runtimes.mjs`;
const { PLATFORMS, readManifest } = await import(
  new URL('../../scripts/lib/manifest.mjs', import.meta.url).href
);
const manifest = readManifest(`${ROOT}scripts/runtimes.json`) as Manifest;
const here = `${process.platform}-${process.arch}`;

describe('scripts/runtimes.json', () => {
  it.each(PLATFORMS as string[])('has both runtimes for %s, or says why not', (platform) => {
    for (const name of ['ONNX Runtime', 'TensorFlow Lite']) {
      const sets = manifest.sets.filter((set) => set.name === name && set.platform === platform);
      expect(sets, name).toHaveLength(1);
      const [set] = sets;
      if (set?.choices) {
        for (const { files } of set.choices) {
          expect(files.some((file) => file.to.startsWith(`runtimes/${platform}/`))).toBe(true);
        }
      } else {
        expect(set?.missing).toMatch(/No npm or PyPI package/);
      }
    }
  });

  it('pins exact versions, and names archives as their registry does', () => {
    for (const archive of Object.values(manifest.archives)) {
      expect(archive.version).toMatch(/^\d+\.\d+\.\d+$/);
      const name =
        archive.registry === 'npm'
          ? `${archive.package.replace('@', '').replace('/', '-')}-${archive.version}.tgz`
          : `${archive.package.replaceAll('-', '_')}-${archive.version}-`;
      expect(archive.file.startsWith(name), archive.file).toBe(true);
      if (archive.registry === 'pypi') expect(archive.file).toContain(archive.platform);
    }
  });

  it('uses every archive, and writes no file of a platform twice', () => {
    const used = manifest.sets.flatMap((set) => set.choices ?? []).map((choice) => choice.archive);
    expect(new Set(used)).toEqual(new Set(Object.keys(manifest.archives)));
    for (const platform of PLATFORMS as string[]) {
      const sets = manifest.sets.filter((set) => ['any', platform].includes(set.platform));
      const targets = sets.flatMap((set) => set.choices?.[0]?.files ?? []).map((file) => file.to);
      expect(new Set(targets).size).toBe(targets.length);
    }
  });

  it('has the same openWakeWord models in the fallback', () => {
    const set = manifest.sets.find(({ name }) => name === 'openWakeWord models');
    const models = (set?.choices ?? []).map(({ files }) =>
      Object.fromEntries(
        files.filter(({ to }) => to.endsWith('.tflite')).map(({ to, sha256 }) => [to, sha256]),
      ),
    );
    expect(models).toHaveLength(2);
    expect(models[0]).toEqual(models[1]);
    expect(Object.keys(models[0] ?? {})).toContain('models/hey_jarvis.tflite');
  });
});

describe('what set-up has fetched', () => {
  const sets = manifest.sets.filter(
    (set) => ['always', 'peers'].includes(set.when) && ['any', here].includes(set.platform),
  );
  const matches = ({ to, bytes, sha256 }: Pinned) => {
    if (!existsSync(ROOT + to)) return false;
    const content = readFileSync(ROOT + to);
    return (
      content.length === bytes && createHash('sha256').update(content).digest('hex') === sha256
    );
  };

  it.each(sets.filter((set) => set.required))('$name for $platform is as pinned', ({ choices }) => {
    expect(choices?.some(({ files }) => files.every(matches))).toBe(true);
  });

  it('is enough without network and without Python, at once and in silence', () => {
    const started = performance.now();
    const output = execFileSync(process.execPath, [SCRIPT, '--peers'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: '', npm_config_offline: 'true', npm_execpath: '' },
    });
    expect(output).toBe('');
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
