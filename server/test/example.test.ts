import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from './support';

const file = (name: string) => join(root, 'examples/serve', name);

let server: ChildProcess;
let url = '';
beforeAll(async () => {
  server = spawn(process.execPath, [file('serve.mjs'), '--port', '0']);
  url = await new Promise<string>((resolve, reject) => {
    server.stdout?.once('data', (text: Buffer) => {
      resolve(/http:\S+/.exec(text.toString())?.[0] ?? '');
    });
    server.once('exit', () => reject(new Error('the example has ended')));
  });
});
afterAll(() => server.kill());

describe('examples/serve', () => {
  it('has a client in JavaScript', () => {
    const { status, stdout } = spawnSync(process.execPath, [file('client.mjs'), url], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\S+ \[1,1\]: 0\.\d{6}$/m) as unknown,
    });
  });

  it.skipIf(process.platform === 'win32')('has calls with curl in each protocol', () => {
    const { status, stdout, stderr } = spawnSync('bash', [file('curl.sh'), url], {
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/"outputs":\[\{"name":"53"[^\]]*\],"data":\[\d[\d.e-]*\]/);
    expect(stdout).toMatch(/"predictions": \[\[\d[\d.e-]*\]\]/);
    expect(stdout).toMatch(/\{"predictions": \{"[^"]+": \[\[\d/);
    expect(stdout).toMatch(/^\[\[\d[\d.e-]*\]\]$/m);
  });
});
