const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;

const { get: byteLength } = Object.getOwnPropertyDescriptor(prototype, 'byteLength') as {
  get: () => number;
};

/** A typed array's `byteLength`, whatever was put on it or its prototypes since this was loaded. */
export const byteLengthOf = Function.prototype.call.bind(byteLength) as (
  array: ArrayBufferView,
) => number;

/** The class name of a typed array, whatever realm it is from and whatever was put on it. */
export function typedArrayName(value: unknown): string | undefined {
  return Reflect.get(prototype, Symbol.toStringTag, value) as string | undefined;
}

/**
 * The length of an array whose buffer may have gone. V8 in Node 20 and 22 goes on
 * reading the old `length` of a detached array in optimised code that has also seen
 * resizable buffers; `byteLength` is always right.
 */
export function lengthOf(array: ArrayBufferView & { BYTES_PER_ELEMENT: number }): number {
  return array.byteLength / array.BYTES_PER_ELEMENT;
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
