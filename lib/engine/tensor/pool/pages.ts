import { native } from '../../addon/native';

/**
 * Gives the whole pages within a view back to the system; what they held is lost.
 * Does nothing without the addon: the memory is only kept longer.
 *
 * @returns the bytes given back
 */
export function discardPages(memory: Uint8Array): number {
  try {
    return native().discardPages(memory);
  } catch {
    return 0;
  }
}
