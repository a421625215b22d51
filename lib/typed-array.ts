const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;

/** The class name of a typed array, whatever realm it is from and whatever was put on it. */
export function typedArrayName(value: unknown): string | undefined {
  return Reflect.get(prototype, Symbol.toStringTag, value) as string | undefined;
}

/** Whether a view's buffer is detached: its length is 0 then, but so is an empty view's. */
export function isDetached(view: ArrayBufferView): boolean {
  return view.byteLength === 0 && isDetachedBuffer(view.buffer);
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
