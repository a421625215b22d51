// The raw C programs (bench/raw): long-lived children that answer a command a line.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { runtimeInfo } from 'onlite';

import { output, runLogged } from './command.mjs';
import { BENCH, RAW_BUILD, ROOT } from './paths.mjs';
import { Skip } from './skip.mjs';

const suffix = process.platform === 'win32' ? '.exe' : '';

/** Builds the programs; quick when nothing has changed. */
export function buildRaw() {
  if (output('cmake', ['--version']) === null) {
    throw new Error('the raw C baselines need cmake and a C++ compiler');
  }
  const log = join(ROOT, 'build', 'bench-raw.log');
  const generator = output('ninja', ['--version']) === null ? [] : ['-G', 'Ninja'];
  const fresh = existsSync(join(RAW_BUILD, 'CMakeCache.txt')) ? [] : generator;
  runLogged(log, 'cmake', ['-S', join(BENCH, 'raw'), '-B', RAW_BUILD, ...fresh]);
  runLogged(log, 'cmake', ['--build', RAW_BUILD, '--config', 'Release', '--parallel', '2']);
}

/** A file that buildRaw made. */
export function rawFile(name) {
  const places = [join(RAW_BUILD, name), join(RAW_BUILD, 'Release', name)];
  const found = places.find((path) => existsSync(path));
  if (!found) throw new Skip(`${name} is not built on this platform`);
  return found;
}

/** One running raw program. Commands are answered in order. */
export class RawProgram {
  #child;
  #waiting = [];
  #loaded = 0;
  #stderr = '';

  constructor(engine) {
    const { path } = runtimeInfo({ load: true }).runtimes[engine];
    if (path === undefined) throw new Skip(`${engine} is not installed`);
    const file = rawFile(`raw_${engine}${suffix}`);
    this.#child = spawn(file, [path], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (chunk) => (this.#stderr += chunk));
    // The program's end is noticed through its output; a write before that may fail first.
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#waiting.shift()?.resolve(JSON.parse(line));
    });
    this.#child.on('close', (code) => {
      const error = new Error(`raw_${engine} ended (${code}): ${this.#stderr.trim()}`);
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
    this.#child.unref();
    for (const stream of this.#child.stdio) stream.unref();
  }

  send(command, values = {}) {
    const fields = Object.entries(values).map(([key, value]) => `${key}=${value}`);
    const { stdin, stdout } = this.#child;
    // Only while an answer is awaited does the program keep this process alive.
    stdout.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      stdin.write(`${[command, ...fields].join('\t')}\n`);
    }).finally(() => this.#waiting.length === 0 && stdout.unref());
  }

  /**
   * Loads a model with `workers` prepared calls. Each slice is a function for `interleave`.
   *
   * @param mode - 'bound', 'given' (inputs and outputs with each call), 'fresh' (outputs made) or
   *   'device' (bound, and outputs stay there)
   * @param provider - ONNX Runtime's 'cuda' or 'webgpu'; '' for the processor
   */
  async load(model, { threads = 1, workers = 1, mode = 'bound', provider = '' } = {}) {
    const id = String((this.#loaded += 1));
    await this.send('load', { id, model, threads, workers, mode, provider });
    return {
      latency: ({ ms, batch }) => this.send('run', { id, ms, batch }),
      throughput: async ({ ms }) => {
        const { runs, seconds } = await this.send('throughput', { id, ms });
        return { runs, perRun: (seconds * 1e9) / runs, runsPerSecond: runs / seconds };
      },
      unload: () => this.send('unload', { id }),
    };
  }

  /**
   * Prepares sequences of `steps` runs that carry state; a slice's run is one sequence.
   *
   * @param inputs - by name {type, dims, data}: zeros, `fillFloats`' values or one int64 number
   * @param carry - inputs by the output that becomes them
   * @param outputs - the others
   */
  async carry(model, { inputs, carry, outputs, steps }) {
    const id = String((this.#loaded += 1));
    const valueOf = ({ type, data }) => {
      if (type === 'int64') return data[0];
      return data.some((value) => value !== 0) ? 'varies' : 0;
    };
    const list = Object.entries(inputs).map(
      ([name, input]) => `${name}:${input.dims.join('x')}:${valueOf(input)}`,
    );
    const pairs = Object.entries(carry).map((pair) => pair.join(':'));
    const lists = { inputs: list.join(), pairs: pairs.join(), outputs: outputs.join() };
    await this.send('carry', { id, model, threads: 1, ...lists, steps });
    return {
      latency: ({ ms, batch }) => this.send('run', { id, ms, batch }),
      unload: () => this.send('unload', { id }),
    };
  }

  /**
   * Times creating the model's session, again and again for `ms`; `apart`: on a
   * thread of its own, which allocates from another part of the heap than the main one;
   * `source`: whether the runtime is given the file's 'bytes' or its 'path'.
   */
  create(model, { threads = 1, ms, apart = false, source = 'bytes' }) {
    return this.send('create', { model, threads, ms, apart: Number(apart), source });
  }

  /** How far the resident set rises, at its highest, while the model is loaded by its path. */
  async loadPeak(model) {
    return (await this.send('peak', { model, threads: 1, source: 'path' })).bytes;
  }

  /** Private bytes that a model takes which has run, its file's bytes among them. */
  async memory(model) {
    return (await this.send('memory', { model, threads: 1 })).bytes;
  }

  end() {
    this.#child.stdin.end();
  }
}

const programs = new Map();

/** The running program of an engine, started at first use. */
export function rawProgram(engine) {
  if (!programs.has(engine)) programs.set(engine, new RawProgram(engine));
  return programs.get(engine);
}

export function endRawPrograms() {
  for (const program of programs.values()) program.end();
  programs.clear();
}
