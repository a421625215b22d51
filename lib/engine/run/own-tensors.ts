import type { ElementType } from '../tensor/element-type';
import type { Tensor } from '../tensor/tensor';
import type { TensorSource } from './bind-options';

/** Tensors that a binding has taken for what the program left out, and gives back. */
export class OwnTensors {
  readonly #source: TensorSource;
  readonly #all = new Set<Tensor>();

  constructor(source: TensorSource) {
    this.#source = source;
  }

  acquire(type: ElementType, dims: readonly number[]): Tensor {
    const tensor = this.#source.acquire(type as Tensor.CpuPinnedDataTypes, dims);
    this.#all.add(tensor);
    return tensor;
  }

  has(tensor: Tensor): boolean {
    return this.#all.has(tensor);
  }

  /** False, and nothing happens, for a tensor of the program's. */
  dispose(tensor: Tensor | undefined): boolean {
    if (tensor === undefined || !this.#all.delete(tensor)) return false;
    tensor.dispose();
    return true;
  }

  disposeAll(): void {
    for (const tensor of this.#all) tensor.dispose();
    this.#all.clear();
  }
}
