import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { environmentNames, parseLock } from '../../../lib/convert/environment/lock';

const converters = new URL('../../../converters/', import.meta.url);

describe.each(environmentNames)('the lock of %s', (name) => {
  const text = readFileSync(new URL(`locks/${name}.txt`, converters), 'utf8');
  const { platforms, pins } = parseLock(text);

  it('says what each platform downloads', () => {
    expect([...platforms.keys()]).toEqual([
      'linux-x64',
      'linux-arm64',
      'darwin-arm64',
      'win32-x64',
    ]);
    for (const { bytes, pythons } of platforms.values()) {
      expect(bytes).toBeGreaterThan(1e7);
      expect(pythons).toEqual(['3.10', '3.11', '3.12', '3.13']);
    }
  });

  it('pins every package by a version and hashes, and names no other place', () => {
    const blocks = text.split(/^(?=[^\s#])/m).filter((block) => !block.startsWith('#'));
    expect(blocks.length).toBe(pins.length);
    for (const block of blocks) {
      expect(block).toMatch(/^[\w.-]+==\S+( ; [^\\]+)?( \\\n {4}--hash=sha256:[0-9a-f]{64})+\n$/);
    }
  });

  it('has what the environment is for', () => {
    const wanted = JSON.parse(readFileSync(new URL('environments.json', converters), 'utf8'));
    for (const requirement of wanted[name].requirements as string[]) {
      const [, wantedName] = /^([\w-]+)/.exec(requirement)!;
      expect(pins.map((pin) => pin.split('==')[0])).toContain(wantedName);
    }
  });
});
