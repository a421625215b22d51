import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { onlite } from './cli-support';
import { root } from './support';

let folder = '';
let source = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-cli-convert-'));
  source = join(folder, 'model.skops');
  writeFileSync(source, 'none is opened here');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Nothing is there, and nothing can be fetched. */
function nowhere(name: string): Record<string, string> {
  mkdirSync(join(folder, name), { recursive: true });
  return { ONLITE_DATA_PATH: join(folder, name), PIP_NO_INDEX: '1', PIP_FIND_LINKS: '' };
}

const isThere = (name: string): string[] => {
  try {
    return readdirSync(join(folder, name, 'converters'));
  } catch {
    return [];
  }
};

describe('packages that are missing', () => {
  it('are not fetched without a word', () => {
    const { status, stderr } = onlite(['convert', source], nowhere('silent'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/ERR_RUNTIME_NOT_FOUND: .*'sklearn' \(\d+\.\d MB to download\).*--yes/);
    expect(stderr).not.toContain('[y/N]');
    expect(isThere('silent')).toEqual([]);
  });

  it('are not fetched where the Python that is named is none', () => {
    const args = ['convert', source, '--yes', '--python', join(folder, 'none')];
    const { status, stderr } = onlite(args, nowhere('named'));
    expect(status).toBe(1);
    expect(stderr).toContain(
      `ERR_RUNTIME_NOT_FOUND: python: '${join(folder, 'none')}' is no Python 3`,
    );
    expect(isThere('named')).toEqual([]);
  });
});

const hasPty = spawnSync('python3', ['-c', 'import pty, venv, ensurepip']).status === 0;

/** Answers at a terminal; what is shown there, and how the command ends. */
function atTerminal(answer: string, env: Record<string, string>): Promise<[string, number]> {
  const program = [
    'import os, pty, sys',
    'pid, terminal = pty.fork()',
    'if pid == 0: os.execvp(sys.argv[2], sys.argv[2:])',
    'shown, answered = b"", False',
    'while True:',
    '    try: more = os.read(terminal, 4096)',
    '    except OSError: break',
    '    if not more: break',
    '    shown += more',
    '    if b"[y/N]" in shown and not answered:',
    '        answered = True',
    '        os.write(terminal, sys.argv[1].encode())',
    'sys.stdout.buffer.write(shown)',
    'sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))',
  ].join('\n');
  const main = join(root, 'dist', 'cli', 'main.js');
  const args = ['-c', program, answer, process.execPath, main, 'convert', source];
  const child = spawn('python3', args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve([shown, code ?? -1]));
  });
}

describe.runIf(hasPty)('a person at a terminal is asked for them', () => {
  it.each([
    ['no', 'n\r'],
    ['nothing', '\r'],
    ['the end of the input', '\x04'],
    ['an interruption', '\x03'],
  ])('and has %s to say: nothing is fetched', async (name, answer) => {
    const [shown, code] = await atTerminal(answer, nowhere(name));
    expect(shown).toMatch(/\d+ MB of pinned wheels of 'sklearn' would be fetched once, into/);
    expect(shown).toContain(join(folder, name, 'converters'));
    expect(shown).toContain('onlite: ERR_RUNTIME_NOT_FOUND: ');
    expect(code).toBe(1);
    expect(isThere(name)).toEqual([]);
  });

  it('and says yes: they are, and what cannot be is not left behind', async () => {
    const [shown, code] = await atTerminal('yes\r', nowhere('yes'));
    expect(shown).toMatch(/No matching distribution found for/);
    expect(shown).toContain('pip install failed (exit code 1)');
    expect(code).toBe(1);
    expect(isThere('yes')).toEqual([]);
  }, 120_000);
});
