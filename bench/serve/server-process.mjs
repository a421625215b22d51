import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { Skip } from '../harness/skip.mjs';
import { treeOf } from './processes.mjs';

const START_MS = 60_000;

/** A server in a process of its own. */
export class ServerProcess {
  #child;
  #stderr = '';

  /** `peer`: what cannot be started is left out with the reason, and does not fail the run. */
  constructor(command, args, { env = {}, peer } = {}) {
    this.peer = peer;
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child.stderr.on('data', (bytes) => (this.#stderr = (this.#stderr + bytes).slice(-2000)));
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
    });
  }

  /** The process and its children. */
  get pids() {
    return treeOf(this.#child.pid);
  }

  /** Waits for the line of JSON that tells the ports. */
  async announced() {
    const lines = createInterface({ input: this.#child.stdout });
    const line = await this.#within(new Promise((resolve) => lines.once('line', resolve)));
    Object.assign(this, JSON.parse(line));
    return this;
  }

  /** Waits until a path is answered with 200. */
  async answering({ path, ...ports }) {
    Object.assign(this, ports);
    this.#child.stdout.resume();
    const asked = async () => {
      for (;;) {
        const response = await fetch(`http://127.0.0.1:${this.port}${path}`).catch(() => undefined);
        if (response?.status === 200) return;
        await sleep(100);
      }
    };
    await this.#within(asked());
    return this;
  }

  async #within(ready) {
    const failed = this.ended.then((how) => this.#fail(how));
    const late = sleep(START_MS, undefined, { ref: false }).then(() => this.#fail('is not ready'));
    try {
      return await Promise.race([ready, failed, late]);
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  #fail(how) {
    const last = this.#stderr.trim().split('\n').at(-1);
    const said = `${this.peer ?? 'the server'} ${how}: ${last}`;
    throw this.peer === undefined ? new Error(said) : new Skip(said);
  }

  /** None of them has anything to lose. */
  async end() {
    if (this.#child.pid === undefined) return;
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}
