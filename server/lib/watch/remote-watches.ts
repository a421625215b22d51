import type { RecordedRun, Recorder, WatchedVersion, Watches } from '../models';
import { SoonRecorder } from './soon';

/** Requests that were sent to the first thread and not recorded there yet; more are left out. */
const MOST_UNDER_WAY = 256;
/** And their bytes. */
const MOST_BYTES = 64 << 20;

/** Records a request in the first thread, and how many were left out before it; resolves when it has. */
export type RecordThere = (
  name: string,
  version: string,
  run: RecordedRun,
  dropped: number,
  buffers: readonly ArrayBuffer[],
) => Promise<void>;

/** Has what this thread answers recorded by the first one, which is sent copies. */
export class RemoteWatches implements Watches {
  readonly #record: RecordThere;
  #underWay = 0;
  #bytes = 0;
  readonly #dropped = new Map<string, number>();

  constructor(record: RecordThere) {
    this.#record = record;
  }

  open(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  attach({ name, version, serving: { watch } }: WatchedVersion): Recorder | undefined {
    if (watch === undefined) return undefined;
    const key = JSON.stringify([name, version]);
    return new SoonRecorder(
      watch.sample ?? 1,
      (run) => this.#send(name, version, run),
      () => this.#dropped.set(key, (this.#dropped.get(key) ?? 0) + 1),
    );
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #send(name: string, version: string, run: RecordedRun): void {
    const key = JSON.stringify([name, version]);
    const dropped = this.#dropped.get(key) ?? 0;
    if (this.#underWay >= MOST_UNDER_WAY || this.#bytes >= MOST_BYTES) {
      this.#dropped.set(key, dropped + 1);
      return;
    }
    this.#dropped.delete(key);
    const buffers: ArrayBuffer[] = [];
    const { inputs, outputs } = run;
    const copy = {
      ...run,
      inputs: copied(inputs, buffers),
      outputs: outputs && copied(outputs, buffers),
    };
    const bytes = buffers.reduce((sum, { byteLength }) => sum + byteLength, textBytes(copy));
    this.#underWay++;
    this.#bytes += bytes;
    const over = (): void => {
      this.#underWay--;
      this.#bytes -= bytes;
    };
    this.#record(name, version, copy, dropped, buffers).then(over, over);
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
    copies[name] = { type, dims: [...dims], data: copy, ...(quantization && { quantization }) };
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
