// What the steps of main.mjs are made of: commands, and the server.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createInterface as createDialog } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';

import { environmentState, makeEnvironment } from 'onlite/convert';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

let step = 0;
export function title(text) {
  step += 1;
  console.log(`\n\x1b[1m${step}. ${text}\x1b[0m`);
}

function run(program, args, { mayFail = false } = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' },
    maxBuffer: 64 << 20,
  });
  if (status !== 0 && !mayFail) {
    throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  }
  return stdout;
}

/** `onlite …`, as `npx onlite …` in a project of one's own. */
export function onlite(...args) {
  console.log(`\x1b[2m$ onlite ${args.map(short).join(' ')}\x1b[0m`);
  return run(process.execPath, [path('../../dist/cli/main.js'), ...args]);
}

/** What a command prints with `--json`. */
export const onliteJson = (...args) => JSON.parse(onlite(...args, '--json'));

const short = (text) => text.split('/').at(-1) || text;

async function mayFetch(question) {
  if (!process.stdin.isTTY) return false;
  const dialog = createDialog({ input: process.stdin, output: process.stdout });
  const answer = await dialog.question(`${question} [y/N] `);
  dialog.close();
  return /^y(es)?$/i.test(answer.trim());
}

/** Has those environments of `onlite convert` made that are missing, where one has said yes to it. */
export async function environments(names, { yes = false }) {
  const missing = names.map(environmentState).filter(({ python: program }) => !program);
  if (missing.length === 0) return;
  const bytes = missing.reduce((sum, { downloadBytes }) => sum + downloadBytes, 0);
  const what = `Python's packages of ${missing.map(({ name }) => name).join(' and ')}`;
  const question = `${what} are not there, ${(bytes / 1e6).toFixed(0)} MB. Fetch them, once?`;
  if (!yes && !(await mayFetch(question)))
    throw new Error(`${what} are missing (--yes fetches them)`);
  for (const { name } of missing) {
    const start = performance.now();
    await makeEnvironment(name);
    console.log(`${name} made in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }
}

/** What has come out is what this page says; else the program ends. */
export function must(holds, what) {
  if (!holds) throw new Error(`expected that ${what}`);
}

/** A script of Python with the packages of one of `onlite convert`'s environments. */
export async function python(environment, script, ...args) {
  const { python: program } = environmentState(environment);
  console.log(`\x1b[2m$ python ${[script, ...args].map(short).join(' ')}\x1b[0m`);
  process.stdout.write(run(program, [path(script), ...args]));
}

/** onlite-server in a process of its own. */
export async function serve(config, ...options) {
  const script = path('../../server/dist/cli/main.js');
  console.log(`\x1b[2m$ onlite-server --config server.json ${options.map(short).join(' ')}\x1b[0m`);
  const child = spawn(process.execPath, [script, '--config', config, ...options, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (bytes) => (log += bytes));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    new Promise((resolve) => lines.once('line', resolve)),
    ended.then((code) => {
      throw new Error(`onlite-server ended with ${code}:\n${log}`);
    }),
  ]);
  const { url, managementPort } = JSON.parse(line);
  return {
    url,
    management: `http://127.0.0.1:${managementPort}`,
    log: () => log,
    end() {
      child.kill();
      return ended;
    },
  };
}
