import { forEachKernel, type WeightLayout } from './weight-layout';

/**
 * The constant weights of a layer, and a factor for each of its channels, by which they are
 * multiplied when they are written. They are read when they are needed.
 */
export class ScaledWeights {
  readonly layout: WeightLayout;
  /** For each channel that the layer takes, and makes. */
  readonly inputScale: Float64Array;
  readonly outputScale: Float64Array;
  readonly #read: () => Float32Array;
  /** An element of the greatest magnitude of each kernel: all that channels' ranges depend on. */
  #peaks?: Float32Array;

  constructor(layout: WeightLayout, read: () => Float32Array) {
    this.layout = layout;
    this.inputScale = new Float64Array(layout.inputs).fill(1);
    this.outputScale = new Float64Array(layout.outputs).fill(1);
    this.#read = read;
  }

  /** The greatest magnitude among the scaled weights of each channel that the layer takes. */
  inputMaxima(): Float64Array {
    const { inputScale, outputScale } = this;
    const maxima = new Float64Array(this.layout.inputs);
    const peaks = this.peaks;
    forEachKernel(this.layout, (kernel, input, output) => {
      const scaled = Math.abs(peaks[kernel] ?? 0) * (outputScale[output] ?? 1);
      if (scaled > (maxima[input] ?? 0)) maxima[input] = scaled;
    });
    return maxima.map((maximum, input) => maximum * (inputScale[input] ?? 1));
  }

  /** The greatest magnitude among the scaled weights of each channel that the layer makes. */
  outputMaxima(): Float64Array {
    const { inputScale, outputScale } = this;
    const maxima = new Float64Array(this.layout.outputs);
    const peaks = this.peaks;
    forEachKernel(this.layout, (kernel, input, output) => {
      const scaled = Math.abs(peaks[kernel] ?? 0) * (inputScale[input] ?? 1);
      if (scaled > (maxima[output] ?? 0)) maxima[output] = scaled;
    });
    return maxima.map((maximum, output) => maximum * (outputScale[output] ?? 1));
  }

  /** The weights times their channels' factors. */
  scaled(): Float32Array<ArrayBuffer> {
    const { inputScale, outputScale } = this;
    const values = this.#read();
    const { kernel: size, interleaved: step } = this.layout;
    const result = new Float32Array(values.length);
    forEachKernel(this.layout, (kernel, input, output) => {
      const factor = (inputScale[input] ?? 1) * (outputScale[output] ?? 1);
      const first = firstElement(kernel, this.layout);
      for (let count = 0, index = first; count < size; count++, index += step) {
        result[index] = (values[index] ?? 0) * factor;
      }
    });
    return result;
  }

  private get peaks(): Float32Array {
    return (this.#peaks ??= kernelPeaks(this.#read(), this.layout));
  }
}

type KernelLayout = Pick<WeightLayout, 'kernel' | 'interleaved'>;

function firstElement(kernel: number, { kernel: size, interleaved }: KernelLayout): number {
  const place = kernel % interleaved;
  return (kernel - place) * size + place;
}

function kernelPeaks(values: Float32Array, layout: KernelLayout): Float32Array {
  const { kernel: size, interleaved: step } = layout;
  if (size === 1) return values;
  return Float32Array.from({ length: values.length / size }, (_, kernel) => {
    let peak = 0;
    const first = firstElement(kernel, layout);
    for (let count = 0, index = first; count < size; count++, index += step) {
      const value = values[index] ?? 0;
      if (Math.abs(value) > Math.abs(peak)) peak = value;
    }
    return peak;
  });
}
