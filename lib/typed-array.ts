const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;

/** The class name of a typed array, whatever realm it is from and whatever was put on it. */
export function typedArrayName(value: unknown): string | undefined {
  return Reflect.get(prototype, Symbol.toStringTag, value) as string | undefined;
}

/** What became of a view that has not the length it should have; undefined if it never had. */
export function lossOf(view: ArrayBufferView): 'detached' | 'resized' | undefined {
  const { buffer } = view as { buffer: ArrayBufferLike & { resizable?: boolean } };
  if (view.byteLength === 0 && isDetachedBuffer(buffer)) return 'detached';
  return buffer.resizable === true ? 'resized' : undefined;
}

export function isDetachedBuffer(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength !== 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
