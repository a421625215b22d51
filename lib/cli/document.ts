import { loadavg, release, type } from 'node:os';

import { runtimeInfo } from '../engine/runtime/runtime-info';
import { describeMachine, type Machine } from './machine';

export interface Versions {
  readonly onlite: string;
  readonly node: string;
  readonly v8: string;
  readonly onnxruntime?: string;
  readonly tflite?: string;
}

/** What the JSON of all commands that measure begins with. */
export interface DocumentHead<Format extends string = string> {
  readonly format: Format;
  readonly version: 1;
  /** ISO 8601. */
  readonly date: string;
  /** The command's words after `onlite`. */
  readonly command: readonly string[];
  readonly machine: Machine & { readonly system: string; readonly loadAverage: number };
  readonly versions: Versions;
}

/** @param load - opens the runtimes' libraries; otherwise those that were used are described */
export function describeVersions({ load }: { readonly load: boolean }): Versions {
  const { onlite, runtimes } = runtimeInfo({ load });
  const { onnxruntime, tflite } = runtimes;
  return {
    onlite,
    node: process.versions.node,
    v8: process.versions.v8,
    ...(onnxruntime.version === undefined ? {} : { onnxruntime: onnxruntime.version }),
    ...(tflite.version === undefined ? {} : { tflite: tflite.version }),
  };
}

/**
 * Describes a command's beginning: the load average after the measurement would be our own.
 *
 * @param options - without `load`, the versions are to be described once the runtimes are in use: to
 *   open a library takes memory
 */
export function documentHead<Format extends string>(
  format: Format,
  { load = true }: { readonly load?: boolean } = {},
): DocumentHead<Format> {
  return {
    format,
    version: 1,
    date: new Date().toISOString(),
    command: process.argv.slice(2),
    machine: {
      ...describeMachine(),
      system: `${type()} ${release()}`,
      loadAverage: loadavg()[0] ?? 0,
    },
    versions: describeVersions({ load }),
  };
}
