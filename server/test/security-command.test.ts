import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { call, fixture, listening, root } from './support';

const main = join(root, 'server/dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'onlite-security-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'keys.json');

const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

describe('onlite-server keys', () => {
  it('makes keys whose hash alone is kept, lists and removes them', () => {
    const made = run('keys', 'add', file, 'ci', '--scope', 'infer:rows', '--scope', 'monitor');
    expect([made.status, made.stderr]).toEqual([0, '']);
    const text = made.stdout.trim();
    expect(text).toMatch(/^onl_[\w-]{43}$/);
    expect(readFileSync(file, 'utf8')).not.toContain(text);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(
      run('keys', 'add', file, 'old', '--scope', 'infer', '--expires', '2020-01-31').status,
    ).toBe(0);
    expect(run('keys', 'list', file).stdout).toBe(
      'ci  infer:rows monitor\nold  infer  until 2020-01-31\n',
    );
    expect(run('keys', 'remove', file, 'old').status).toBe(0);
    expect(run('keys', 'list', file).stdout).toBe('ci  infer:rows monitor\n');
  });

  it('says what is wrong', () => {
    expect(run('keys').status).toBe(2);
    expect(run('keys', 'add', file, 'x').stderr).toContain('--scope is missing');
    expect(run('keys', 'add', file, 'x', '--scope', 'all').stderr).toContain('key.scopes[0]');
    expect(run('keys', 'add', file, 'ci', '--scope', 'infer')).toMatchObject({ status: 1 });
    expect(run('keys', 'remove', file, 'none').stderr).toContain("no key 'none'");
    expect(run('keys', 'list', join(folder, 'none.json')).status).toBe(1);
    expect(run('keys', '--help').stdout).toContain('Usage: onlite-server keys');
  });
});

describe('the command', () => {
  it('asks for the keys of a file, and takes those that it gets later', async () => {
    const own = join(folder, 'own.json');
    const first = run('keys', 'add', own, 'first', '--scope', 'infer').stdout.trim();
    const child = spawn(process.execPath, [
      main,
      `rows=${fixture('identity_float32.onnx')}`,
      ...['--json', '--rest-port', '0', '--no-grpc', '--api-keys', own],
    ]);
    try {
      let errors = '';
      child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
      const { port } = await listening(child);
      const status = async (key: string) =>
        (await call(port, '/v2', { headers: { authorization: `Bearer ${key}` } })).status;
      expect(await status('none')).toBe(401);
      expect(await status(first)).toBe(200);
      const second = run('keys', 'add', own, 'second', '--scope', 'infer').stdout.trim();
      await expect.poll(() => status(second), { timeout: 20_000 }).toBe(200);
      expect(await status(first)).toBe(200);
      // A file that is wrong changes nothing.
      writeFileSync(own, '{"keys":');
      await expect.poll(() => errors, { timeout: 20_000 }).toContain('stay as they were');
      expect(await status(second)).toBe(200);
    } finally {
      child.kill();
    }
  });

  it('asks for a key where models are managed, which the command has from a variable', async () => {
    const own = join(folder, 'managers.json');
    const key = (...scopes: string[]) =>
      run(
        'keys',
        'add',
        own,
        scopes.join('.').replaceAll(/\W/g, '.'),
        ...scopes.flatMap((scope) => ['--scope', scope]),
      ).stdout.trim();
    const [all, one] = [key('manage'), key('manage:rows')];
    const child = spawn(process.execPath, [
      main,
      `rows=${fixture('identity_float32.onnx')}`,
      `others=${fixture('identity_float32.onnx')}`,
      ...['--json', '--rest-port', '0', '--no-grpc', '--api-keys', own, '--management-port', '0'],
    ]);
    try {
      const { managementPort } = await listening(child);
      const manage = (apiKey: string, ...args: string[]) =>
        spawnSync(
          process.execPath,
          [main, 'models', ...args, '--server', `http://127.0.0.1:${managementPort}`],
          { encoding: 'utf8', env: { ...process.env, ONLITE_API_KEY: apiKey } },
        );
      expect(manage('none', 'list')).toMatchObject({ status: 1 });
      expect(manage(one, 'list').status).toBe(0);
      expect(manage(one, 'pin', 'rows', '1').status).toBe(0);
      expect(manage(one, 'pin', 'others', '1').stderr).toContain("'manage:others'");
      // It is about all models.
      expect(manage(one, 'reload').stderr).toContain("'manage:*'");
      expect(manage(all, 'reload').status).toBe(0);
    } finally {
      child.kill();
    }
  });

  it('refuses options that need others, and files that are not there', () => {
    const model = fixture('add4.onnx');
    const wrong = [
      ['--jwks', 'https://a.example/keys'],
      ['--jwt-issuer', 'a'],
      ['--tls-cert', 'a'],
      ['--tls-client-ca', 'a'],
      ['--key-file', 'a', '--key-env', 'B'],
    ];
    for (const args of wrong) expect([args, run(model, ...args).status]).toEqual([args, 2]);
    for (const name of ['--api-keys', '--trusted-key', '--tls-cert']) {
      const { status, stderr } = run(
        model,
        '--rest-port',
        '0',
        ...[name, join(folder, 'missing')],
        ...(name === '--tls-cert' ? ['--tls-key', join(folder, 'missing')] : []),
      );
      expect([name, status]).toEqual([name, 1]);
      expect(stderr).toContain('missing');
    }
  });
});
