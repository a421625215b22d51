/**
 * What `onnxruntime-node` exports, running on onlite: onnxruntime-common itself, with onlite as
 * its backend. For programs that were written for that package, and for packages whose dependency
 * on it is replaced.
 *
 * What onnxruntime-node takes and onlite's own API refuses, such as a feed that the model has no
 * input for, is taken here, with a warning of the process for each: `ONLITE_IGNORED_INPUT`,
 * `ONLITE_IGNORED_OPTION`. onlite's own options of sessions and runs may be used, too.
 *
 * @packageDocumentation
 */
import { common } from '../engine/onnxruntime-common';
import { backend } from './backend';

export * from 'onnxruntime-common';
export { listSupportedBackends } from '../engine/runtime/runtime-info';

const providers = ['cpu', 'coreml', 'cuda', 'dml', 'qnn', 'tensorrt', 'webgpu'];

/**
 * onnxruntime-node's is 100. Not the same: of two backends of one name and priority the second
 * is refused, and which package a program loads first is not ours to say.
 */
const priority = 101;

for (const name of providers) common().registerBackend(name, backend, priority);
