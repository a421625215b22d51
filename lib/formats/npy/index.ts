export { readNpy, writeNpy } from './npy';
export { readNpz, writeNpz, type ReadNpzOptions, type WriteNpzOptions } from './npz';
export type { NpyArray, NpyData } from './types';
