import type { ElementType } from '../../engine/tensor/element-type';
import { numberReader } from '../../engine/tensor/numbers';
import type { Tensor } from '../../engine/tensor/tensor';

export interface TensorStatistics {
  /** Over the elements that are not NaN; absent for strings, raw types and empty tensors. */
  min?: number;
  max?: number;
  mean?: number;
  /** How many elements are NaN. */
  nan?: number;
  /** As text, at most `FIRST` of them. */
  first: string[];
}

const FIRST = 4;

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
}

export function tensorStatistics(tensor: Tensor<ElementType>): TensorStatistics {
  const read = numberReader(tensor);
  if (!read) {
    const list = Array.from(tensor.data as ArrayLike<unknown>).slice(0, FIRST);
    return {
      first: list.map((item) => (typeof item === 'string' ? JSON.stringify(item) : String(item))),
    };
  }
  const first = Array.from({ length: Math.min(FIRST, tensor.size) }, (_, i) => short(read(i)));
  let [min, max, sum, nan] = [Infinity, -Infinity, 0, 0];
  for (let index = 0; index < tensor.size; index++) {
    const value = read(index);
    if (Number.isNaN(value)) {
      nan++;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  const counted = tensor.size - nan;
  const statistics: TensorStatistics =
    counted > 0 ? { min, max, mean: sum / counted, first } : { first };
  if (nan > 0) statistics.nan = nan;
  return statistics;
}

export function statisticsCells(statistics: TensorStatistics): string[] {
  const cell = (value: number | undefined): string => (value === undefined ? '' : short(value));
  const { min, max, mean, nan, first } = statistics;
  const values = first.join(' ') + (nan === undefined ? '' : ` (${nan} NaN)`);
  return [cell(min), cell(max), cell(mean), values];
}
