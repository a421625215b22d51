// What the steps of main.mjs are made of: commands, and the server.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
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

/** A script of Python with the packages of one of `onlite convert`'s environments. */
export async function python(environment, script, ...args) {
  let { python: program } = environmentState(environment);
  if (program === undefined) {
    console.log(`making the environment '${environment}' of onlite convert, once`);
    program = await makeEnvironment(environment);
  }
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
