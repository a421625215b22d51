import { memoryKind, type NativeTensors } from '../addon/native';
import { byteLengthOf } from '../tensor/typed-array';

const isView = ArrayBuffer.isView.bind(ArrayBuffer);

interface BoundArray {
  path: string;
  readonly array: ArrayBufferView;
  readonly byteLength: number;
}

/**
 * The arrays in ordinary memory that a binding refers to. Their buffers may be detached or resized
 * at any time; asking here whether they were costs a tenth of what it costs native code, which
 * believes the answer: nothing here calls what a program could have put on a prototype.
 */
export class BoundArrays {
  readonly #all = Object.setPrototypeOf([], null) as BoundArray[];

  /** There is none under a path where the tensor's memory is of another kind. */
  set(path: string, array: ArrayBufferView | undefined): void {
    const all = this.#all;
    let position = this.#positionOf(path);
    if (array !== undefined) {
      if (position < 0) position = all.length;
      all[position] = { path, array, byteLength: byteLengthOf(array) };
    } else if (position >= 0) {
      const last = all[all.length - 1];
      if (last !== undefined) all[position] = last;
      all.length--;
    }
  }

  /** An output and an input have exchanged their tensors. */
  exchange(output: string, input: string): void {
    const from = this.#all[this.#positionOf(output)];
    const to = this.#all[this.#positionOf(input)];
    if (from !== undefined) from.path = input;
    if (to !== undefined) to.path = output;
  }

  /** Whether all have the bytes that they had. */
  areAttached(): boolean {
    const all = this.#all;
    // The iterator of arrays may be the program's own, and leave some out.
    // eslint-disable-next-line @typescript-eslint/prefer-for-of
    for (let index = 0; index < all.length; index++) {
      const bound = all[index];
      if (bound !== undefined && byteLengthOf(bound.array) !== bound.byteLength) return false;
    }
    return true;
  }

  #positionOf(path: string): number {
    const all = this.#all;
    for (let position = 0; position < all.length; position++) {
      if (all[position]?.path === path) return position;
    }
    return -1;
  }
}

/** The array of a tensor as native code is given it, if nothing is promised of its memory. */
export function ordinaryArray(encoded: NativeTensors): ArrayBufferView | undefined {
  const data = encoded[3];
  return encoded[4] === memoryKind.ordinary && isView(data) ? data : undefined;
}
