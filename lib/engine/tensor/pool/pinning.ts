import { native } from '../../addon/native';
import type { Slab } from './block';

/** CUDA's driver, by the name that the loader finds it by. */
const driver = process.platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1';

/** What is locked must not be freed: the registry holds it until its slab has been collected. */
let forgotten: FinalizationRegistry<Uint8Array> | undefined;

/** @throws OnliteError ERR_UNSUPPORTED where memory cannot be page-locked for a GPU */
export function requirePinning(): void {
  native().pinMemory(new Uint8Array(0), driver);
}

/** Page-locks a slab's memory. @throws OnliteError ERR_OUT_OF_MEMORY */
export function pin(slab: Slab): void {
  const memory = new Uint8Array(slab.memory.buffer);
  native().pinMemory(memory, driver);
  forgotten ??= new FinalizationRegistry((locked) => {
    native().unpinMemory(locked);
  });
  forgotten.register(slab, memory, slab);
}

/** Nobody asks for the slab's memory any more. Who still sees it sees ordinary memory. */
export function unpin(slab: Slab): void {
  native().unpinMemory(new Uint8Array(slab.memory.buffer));
  forgotten?.unregister(slab);
}
