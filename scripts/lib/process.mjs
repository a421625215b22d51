import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { SetupError } from './errors.mjs';
import { statOrNull } from './files.mjs';

const TAIL_LINES = 40;
const WINDOWS = process.platform === 'win32';

/**
 * The environment for a nested npm or build tool. What npm hands to a script about the script
 * itself is left out: a nested npm would read flags of the outer command as its own (`--json`,
 * `--workspace`, `--dry-run`, …). Registry, cache, proxy and offline settings stay.
 */
export function nestedEnvironment(extra = {}) {
  const drop =
    /^npm_(package_|lifecycle_|command$|config_(dry_run|json|global|location|prefix|local_prefix|workspaces?|include_workspace_root|omit|include|only|production|package_lock|package_lock_only|if_present|loglevel|pack_destination|save.*)$)/i;
  const environment = {};
  for (const [name, value] of Object.entries(process.env)) {
    // A sanitizer that is preloaded into a test is not meant for compilers and npm.
    if (!drop.test(name) && name !== 'LD_PRELOAD') environment[name] = value;
  }
  return { ...environment, ...extra };
}

/**
 * Runs a command with its output in a log file. On failure the end of the output is in the
 * SetupError's message, as the log may be on a machine that nobody can look into.
 *
 * @param {{cwd: string, log?: string, remedy?: string, env?: object, echo?: boolean}} options
 * @returns {Promise<string>} what the command wrote to standard output
 */
export async function run(command, args, options) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? nestedEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: WINDOWS && /\.(cmd|bat)$/i.test(command),
    windowsHide: true,
  });
  let log = null;
  if (options.log) {
    mkdirSync(dirname(options.log), { recursive: true });
    log = createWriteStream(options.log);
  }
  const output = [];
  const stdout = [];
  const collect = (chunk) => {
    log?.write(chunk);
    if (options.echo) process.stderr.write(chunk);
    output.push(chunk);
  };
  child.stdout.on('data', (chunk) => {
    stdout.push(chunk);
    collect(chunk);
  });
  child.stderr.on('data', collect);
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output.push(Buffer.from(error.message));
      resolve(error.code);
    });
    child.once('close', (status, signal) => {
      resolve(signal ?? status);
    });
  });
  if (log) await new Promise((resolve) => log.end(resolve));
  if (code !== 0) {
    const lines = Buffer.concat(output).toString('utf8').trimEnd().split('\n');
    const where = options.log ? `\nwhole output: ${options.log}` : '';
    throw new SetupError(
      `${[command, ...args].join(' ')} failed (${code})\n${lines.slice(-TAIL_LINES).join('\n')}${where}`,
      options.remedy,
    );
  }
  return Buffer.concat(stdout).toString('utf8');
}

/** Full path of a program on PATH, or null. */
export function findProgram(name) {
  const extensions = WINDOWS ? ['.exe', '.cmd', '.bat'] : [''];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue;
    for (const extension of extensions) {
      const file = join(folder, name + extension);
      if (statOrNull(file)?.isFile()) return file;
    }
  }
  return null;
}

/** How to start npm: its script through this Node where it can be found, else from PATH. */
export function npmCommand() {
  const script = npmScript();
  if (script !== null) return [process.execPath, script];
  return [findProgram('npm') ?? 'npm'];
}

function npmScript() {
  const candidates = [
    process.env.npm_execpath,
    join(dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js'),
    join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js'),
  ];
  for (const file of candidates) {
    if (file?.endsWith('npm-cli.js') && statOrNull(file)) return file;
  }
  const program = findProgram('npm');
  if (program === null || WINDOWS) return null;
  const real = realpathSync(program);
  return real.endsWith('npm-cli.js') ? real : null;
}

/** npm brings node-gyp along; the script of that copy, or null where npm hides it. */
export function nodeGypScript() {
  const script = npmScript();
  if (script === null) return null;
  const file = join(dirname(script), '../node_modules/node-gyp/bin/node-gyp.js');
  return statOrNull(file) ? realpathSync(file) : null;
}

let pip = null;

/** How to start pip (`[program, ...arguments]`), or null where there is no Python with pip. */
export function pipCommand() {
  if (pip !== null) return pip;
  const candidates = WINDOWS
    ? [['py', '-3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip']]
    : [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']];
  if (process.env.ONLITE_PYTHON) candidates.unshift([process.env.ONLITE_PYTHON, '-m', 'pip']);
  for (const candidate of candidates) {
    const [program, ...args] = candidate;
    const probe = spawnSync(program, [...args, '--version'], { encoding: 'utf8' });
    if (probe.status === 0 && /\(python 3\./.test(probe.stdout)) {
      pip = candidate;
      break;
    }
  }
  return pip;
}

/** The prefix whose `include/node` has the running Node's headers, or null. */
export function nodeHeadersPrefix() {
  for (const prefix of [
    dirname(dirname(realpathSync(process.execPath))),
    dirname(realpathSync(process.execPath)),
  ]) {
    const version = join(prefix, 'include/node/node_version.h');
    if (statOrNull(version) && sameMajor(readFileSync(version, 'utf8'))) return prefix;
  }
  return null;
}

function sameMajor(header) {
  const major = /NODE_MAJOR_VERSION\s+(\d+)/.exec(header)?.[1];
  return major === process.versions.node.split('.')[0];
}
