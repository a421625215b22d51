import { badRequest } from '../errors';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Tensors of strings hold text: bytes that are no UTF-8 are refused. */
export function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw badRequest(path, 'expected UTF-8, which is what tensors of strings hold');
  }
}
