import { memoryKind, type NativeTensors } from '../addon/native';
import { byteLengthOf } from '../tensor/typed-array';

interface BoundArray {
  readonly array: ArrayBufferView;
  readonly byteLength: number;
}

/**
 * The arrays in ordinary memory that a binding refers to. Their buffers may be detached or resized
 * at any time; asking here whether they were costs a tenth of what it costs native code.
 */
export class BoundArrays {
  readonly #byPath = new Map<string, BoundArray>();
  #all: BoundArray[] = [];

  /** There is none under a path where the tensor's memory is of another kind. */
  set(path: string, array: ArrayBufferView | undefined): void {
    this.#byPath.delete(path);
    if (array !== undefined) this.#byPath.set(path, { array, byteLength: byteLengthOf(array) });
    this.#all = [...this.#byPath.values()];
  }

  /** An output and an input have exchanged their tensors. */
  exchange(output: string, input: string): void {
    const from = this.#byPath.get(output);
    this.set(output, this.#byPath.get(input)?.array);
    this.set(input, from?.array);
  }

  /** Whether there are some and all have the bytes that they had. */
  areAttached(): boolean {
    const all = this.#all;
    // The iterator of arrays may be the program's own, and leave some out.
    // eslint-disable-next-line @typescript-eslint/prefer-for-of
    for (let index = 0; index < all.length; index++) {
      const bound = all[index];
      if (bound !== undefined && byteLengthOf(bound.array) !== bound.byteLength) return false;
    }
    return all.length > 0;
  }
}

/** The array of a tensor as native code is given it, if nothing is promised of its memory. */
export function ordinaryArray([, , , data, kind]: NativeTensors): ArrayBufferView | undefined {
  return kind === memoryKind.ordinary && ArrayBuffer.isView(data) ? data : undefined;
}
