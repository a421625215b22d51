// New versions under load: what requests feel of their loading.
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { CliServer } from './cli-server.mjs';
import { described, failures, quantile, timesWithin, total } from './answers.mjs';

const now = () => performance.timeOrigin + performance.now();
/** After a version is served: the old one drains and is released. */
const AFTER_MS = 1000;

/** A folder of one model with one version, and ways to change it. */
class Repository {
  folder = mkdtempSync(join(tmpdir(), 'onlite-life-'));
  config = join(this.folder, 'server.json');
  models = join(this.folder, 'models');
  #file;

  constructor(file) {
    this.#file = file;
    mkdirSync(join(this.models, 'net'), { recursive: true });
    this.configure({});
  }

  /** Renamed in, as a program that publishes versions does. */
  add(version, write = (path) => copyFileSync(this.#file, path)) {
    const made = join(this.folder, `made-${version}`);
    mkdirSync(made);
    write(join(made, 'model.onnx'));
    renameSync(made, join(this.models, 'net', String(version)));
  }

  /** The first half of the file: a copy that has failed. */
  cut(path) {
    const whole = readFileSync(this.#file);
    writeFileSync(path, whole.subarray(0, whole.length / 2));
  }

  configure(settings) {
    writeFileSync(this.config, JSON.stringify({ modelBasePath: this.models, ...settings }));
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function servedVersion(port) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/models/net`);
  const { model_version_status: all = [] } = await response.json();
  const available = all.filter(({ state }) => state === 'AVAILABLE').map(({ version }) => version);
  return Math.max(...available.map(Number));
}

async function untilServed(port, version) {
  for (;;) {
    if ((await servedVersion(port)) >= version) return;
    await sleep(50);
  }
}

/**
 * Versions 2, 3 and 5 are good ones and 4 is broken; the configuration is read again in between.
 *
 * @returns {capacity, answers…, quiet, swapped, spans}
 */
export async function swapUnderLoad(load, { file, request, seconds, share, progress }) {
  const repository = new Repository(file);
  repository.add(1);
  const args = ['--config', repository.config, '--intra-op-threads', '1', '--poll-seconds', '1'];
  const server = await CliServer.start(args);
  try {
    const { port } = server;
    const asked = { port, request };
    await untilServed(port, 1);
    await load.capacity({ ...asked, seconds: 2, connections: 8 });
    const capacity = await load.capacity({ ...asked, seconds: 4, connections: 8 });
    progress(`${capacity.toFixed(0)} requests a second are its capacity`);
    const running = load.run({ ...asked, seconds, perSecond: share * capacity });
    const spans = [];
    const during = async (change) => {
      const from = now();
      await change();
      await sleep(AFTER_MS);
      spans.push([from, now()]);
    };
    const swap = (version) =>
      during(async () => {
        repository.add(version);
        await untilServed(port, version);
      });
    const begun = now();
    const at = (part) => sleep(Math.max(0, begun + part * seconds * 1000 - now()));
    const steps = [
      () => swap(2),
      () => swap(3),
      () =>
        during(async () => {
          repository.add(4, (path) => repository.cut(path));
          await server.says(/net version 4 .*failed/);
        }),
      () =>
        during(async () => {
          repository.configure({ models: { net: { config: { labels: { stable: 3 } } } } });
          server.signal('SIGHUP');
          await server.says(/read again/);
        }),
      () => swap(5),
    ];
    for (const [index, step] of steps.entries()) {
      await at((index + 1) / (steps.length + 1));
      progress(`change ${index + 1} of ${steps.length}`);
      await step();
    }
    const result = await running;
    const last = await servedVersion(port);
    if (last !== 5) throw new Error(`version ${last} is served at the end, not 5`);
    // Not the first second, in which connections are opened, nor what is about a change.
    const quiet = [];
    let from = begun + 1000;
    for (const [start, end] of spans) {
      quiet.push([from, start]);
      from = end;
    }
    quiet.push([from, begun + seconds * 1000]);
    const swaps = [spans[0], spans[1], spans[4]];
    return {
      capacity,
      failed: failures(result),
      all: total(result.answers) + total(result.errors),
      note: described(result),
      quiet: quantile(timesWithin(result, quiet), 0.99),
      swapped: quantile(timesWithin(result, swaps), 0.99),
      changed: quantile(timesWithin(result, spans), 0.99),
      most: quantile(timesWithin(result, spans), 1),
      details: { capacity, spans, answers: result.answers, errors: result.errors },
    };
  } finally {
    await server.end();
    repository.remove();
  }
}
