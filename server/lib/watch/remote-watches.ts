import type { RequestSampler } from 'onlite/watch';

import type { RecordedRun, Recorder, WatchedVersion, Watches } from '../models';
import { setOwn } from '../models/set-own';
import { SoonRecorder } from './soon';
import type { Told } from './watched-version';

/** Requests that were sent to the first thread and not recorded there yet; more are left out. */
const MOST_UNDER_WAY = 256;
/** And their bytes. */
const MOST_BYTES = 64 << 20;

/** Has the first thread record what it is told; resolves when it has. */
export type RecordThere = (
  name: string,
  version: string,
  told: Told,
  buffers: readonly ArrayBuffer[],
) => Promise<void>;

/** Has what this thread answers recorded by the first one, which is sent copies. */
export class RemoteWatches implements Watches {
  readonly #record: RecordThere;
  #underWay = 0;
  #bytes = 0;
  readonly #dropped = new Map<string, number>();
  readonly #threads: number;

  /** @param threads - that answer requests */
  constructor(record: RecordThere, threads: number) {
    this.#record = record;
    this.#threads = threads;
  }

  open(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  attach({ name, version, serving: { watch } }: WatchedVersion): Recorder | undefined {
    if (watch === undefined) return undefined;
    // Loaded where something is watched: most servers need none of it.
    const { RequestSampler } = require('onlite/watch') as typeof import('onlite/watch');
    const key = JSON.stringify([name, version]);
    const sampler = new RequestSampler(watch, this.#threads);
    return new SoonRecorder(
      sampler,
      (run) => this.#send(name, version, sampler, run),
      () => this.#dropped.set(key, (this.#dropped.get(key) ?? 0) + 1),
      () => this.#send(name, version, sampler),
    );
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** @param run - where there is one to be recorded beside those that were left out */
  #send(name: string, version: string, sampler: RequestSampler, run?: RecordedRun): void {
    const key = JSON.stringify([name, version]);
    const before = this.#dropped.get(key) ?? 0;
    if (this.#underWay >= MOST_UNDER_WAY || this.#bytes >= MOST_BYTES) {
      if (run) this.#dropped.set(key, before + 1);
      return;
    }
    this.#dropped.delete(key);
    const buffers: ArrayBuffer[] = [];
    const copy = run && {
      ...run,
      inputs: copied(run.inputs, buffers),
      outputs: run.outputs && copied(run.outputs, buffers),
    };
    const text = copy ? textBytes(copy) : 0;
    const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, text);
    this.#underWay++;
    this.#bytes += bytes;
    const over = (): void => {
      this.#underWay--;
      this.#bytes -= bytes;
    };
    const told = { run: copy, skipped: sampler.takeSkipped(), dropped: before };
    this.#record(name, version, told, buffers).then(over, over);
  }
}

/** Tensors in memory that can be sent away. */
function copied(
  tensors: RecordedRun['inputs'],
  buffers: ArrayBuffer[],
): Record<string, RecordedRun['inputs'][string]> {
  const copies: Record<string, RecordedRun['inputs'][string]> = {};
  for (const [name, { type, dims, data, quantization }] of Object.entries(tensors)) {
    const copy = (data as Float32Array).slice();
    if (ArrayBuffer.isView(copy)) buffers.push(copy.buffer);
    setOwn(copies, name, {
      ...{ type, dims: [...dims], data: copy },
      ...(quantization && { quantization }),
    });
  }
  return copies;
}

/** What strings take. */
function textBytes({ inputs, outputs }: RecordedRun): number {
  let bytes = 0;
  for (const { data } of [...Object.values(inputs), ...Object.values(outputs ?? {})]) {
    if (ArrayBuffer.isView(data)) continue;
    for (const text of data as ArrayLike<string> & Iterable<string>) bytes += 16 + 2 * text.length;
  }
  return bytes;
}
