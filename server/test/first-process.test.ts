// The kernel drops signals of a container's first process that it has no handler for.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encryptModel } from 'onlite/security';
import { afterAll, describe, expect, it } from 'vitest';

import { call, fixture, listening, root } from './support';

const main = join(root, 'server/dist/cli/main.js');
const alone = ['--pid', '--fork', '--kill-child'];
const isPossible =
  process.platform === 'linux' && spawnSync('unshare', [...alone, 'true']).status === 0;

describe.runIf(isPossible)('the first process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-first-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function start(...args: string[]) {
    const child = spawn('unshare', [...alone, process.execPath, main, ...args, '--json']);
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { child, ended };
  }

  /** Signals what `unshare` has made. */
  function signal({ pid }: ChildProcess): void {
    const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    process.kill(Number(first), 'SIGTERM');
  }

  it('ends at once when it is told so a second time', async () => {
    const options = ['--rest-port', '0', '--no-grpc', '--drain-delay-seconds', '3600'];
    const { child, ended } = start(fixture('add4.onnx'), ...options);
    const { port } = await listening(child);
    const ready = async () => (await call(port, '/v2/health/ready')).status;
    expect(await ready()).toBe(200);
    signal(child);
    await expect.poll(ready, { timeout: 60_000 }).toBe(503);
    signal(child);
    expect(await ended).toBe(143);
  });

  it('ends while it loads a model', async () => {
    const file = join(folder, 'secret.onnx');
    await encryptModel(fixture('add4.onnx'), file, { key: Buffer.alloc(32, 1) });
    const mark = join(folder, 'asked');
    const command = `touch ${mark}; exec sleep 3600`;
    const { child, ended } = start(file, '--key-command', command, '--rest-port', '0', '--no-grpc');
    await expect.poll(() => existsSync(mark), { timeout: 60_000 }).toBe(true);
    signal(child);
    expect(await ended).toBe(143);
  });
});
