/**
 * What a packaged Electron app needs to know of onlite. Loading this opens neither the addon nor a
 * runtime, so that a build's configuration may.
 *
 * @packageDocumentation
 */
export { unpackedPath } from '../asar';

/**
 * The files that the system opens, as globs for `asarUnpack` of electron-builder, or, as one glob
 * (`{a,b}`), for `asar.unpack` of Electron's packager and `@electron/asar`. All else may stay in the archive.
 */
export const asarUnpack: readonly string[] = Object.freeze([
  '**/node_modules/onlite/{build/Release,prebuilds,runtimes}/**',
  '**/node_modules/@onlite/runtime-*/**',
  '**/node_modules/onnxruntime-node/bin/**',
  '**/node_modules/tfjs-tflite-node/cc_deps/**',
]);
