// The rest of onnxruntime-common's exports, so that only the import of a program
// changes. That package is loaded when one of them is used: a program that only
// runs models does not pay for it.

import type { Backend, Env } from 'onnxruntime-common';

type Common = typeof import('onnxruntime-common');

let loaded: Common | undefined;

/** onnxruntime-common, with what onnxruntime-node adds to it. @internal */
export function common(): Common {
  if (loaded === undefined) {
    loaded = require('onnxruntime-common') as Common;
    const { versions } = loaded.env;
    // Both packages are released together, so a program takes one's version for the other's.
    // onnxruntime-node, which may be there as well, defines it for good, whatever is there.
    if (versions.node === undefined) {
      Object.defineProperty(versions, 'node', {
        value: versions.common,
        enumerable: true,
        configurable: true,
      });
    }
  }
  return loaded;
}

const realEnv = (): object => common().env;

/** onnxruntime-common's `env` itself, behind a proxy that loads it at first use. */
export const env: Env = new Proxy({} as Env, {
  get: (_, key) => Reflect.get(realEnv(), key) as unknown,
  set: (_, key, value) => Reflect.set(realEnv(), key, value),
  has: (_, key) => Reflect.has(realEnv(), key),
  ownKeys: () => Reflect.ownKeys(realEnv()),
  deleteProperty: (_, key) => Reflect.deleteProperty(realEnv(), key),
  getOwnPropertyDescriptor: (_, key) => {
    const descriptor = Reflect.getOwnPropertyDescriptor(realEnv(), key);
    // A proxy may only report as fixed what its own target has.
    return descriptor === undefined ? undefined : { ...descriptor, configurable: true };
  },
});

/**
 * Registers a backend with onnxruntime-common. onlite's own sessions do not use
 * its backends, so this only matters to packages that share onnxruntime-common.
 */
export function registerBackend(name: string, backend: Backend, priority: number): void {
  common().registerBackend(name, backend, priority);
}

/** onnxruntime-common's tracing hooks; they do something while `env.trace` is set. */
export function TRACE(deviceType: string, label: string): void {
  common().TRACE(deviceType, label);
}

/** See {@link TRACE}. */
export function TRACE_FUNC_BEGIN(message?: string): void {
  common().TRACE_FUNC_BEGIN(message);
}

/** See {@link TRACE}. */
export function TRACE_FUNC_END(message?: string): void {
  common().TRACE_FUNC_END(message);
}

/** See {@link TRACE}. */
export function TRACE_EVENT_BEGIN(message?: string): void {
  common().TRACE_EVENT_BEGIN(message);
}

/** See {@link TRACE}. */
export function TRACE_EVENT_END(message?: string): void {
  common().TRACE_EVENT_END(message);
}
