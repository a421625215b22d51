import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { ROOT } from '../../harness/paths.mjs';
import { residentBytes } from '../processes.mjs';

const COMMAND = join(ROOT, 'server', 'dist', 'cli', 'main.js');
const START_MS = 30_000;

/** `onlite-server`, as it is started where it serves. */
export class CliServer {
  port;
  #child;
  #stderr = [];
  #exit;

  static async start(args) {
    const server = new CliServer(args);
    await server.#listening();
    return server;
  }

  constructor(args) {
    const all = [COMMAND, ...args, '--rest-port', '0', '--no-grpc', '--json'];
    this.#child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] });
    const lines = createInterface({ input: this.#child.stderr });
    lines.on('line', (line) => this.#stderr.push(line));
    this.#exit = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  async #listening() {
    const line = once(createInterface({ input: this.#child.stdout }), 'line');
    const failed = this.#exit.then(() => {
      throw new Error(`the server has ended: ${this.#stderr.join('\n')}`);
    });
    failed.catch(() => {});
    const late = sleep(START_MS, undefined, { ref: false }).then(() => {
      throw new Error('the server does not listen');
    });
    const [text] = await Promise.race([line, failed, late]);
    this.port = JSON.parse(text).port;
  }

  /** What it has said. */
  get log() {
    return this.#stderr;
  }

  /** Waits for a line that it says. */
  async says(pattern, ms = 60_000) {
    const end = performance.now() + ms;
    while (!this.#stderr.some((line) => pattern.test(line))) {
      if (performance.now() > end)
        throw new Error(`not said: ${pattern}\n${this.#stderr.join('\n')}`);
      await sleep(20);
    }
  }

  /** Bytes that are resident. */
  get resident() {
    return residentBytes([String(this.#child.pid)]);
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** {code, signal} of its end. */
  get exit() {
    return this.#exit;
  }

  async end() {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
