import type { Label } from '../../optimize/compare/quality';
import { regressionMetrics } from '../../optimize/measures/regression';
import { spreadOver } from '../../optimize/compare/sample';
import type { ExplainOptions, ModelFunction } from '../../watch/explain/explain-options';
import { kernelShap } from '../../watch/explain/kernel-shap';
import { occlusionMap } from '../../watch/explain/occlusion';
import { permutationImportance } from '../../watch/explain/permutation-importance';
import type { SessionModel } from '../../watch/explain/session-model';
import { given } from '../arguments';
import { invalid } from '../feeds/files';
import type { SampleSet } from '../feeds/samples';
import type { Explanation, ImageShape, Importance } from './document';
import type { ExplainCommand } from './options';

/** What all explanations of a command need. */
export interface Task {
  readonly command: ExplainCommand;
  readonly set: SampleSet;
  readonly model: SessionModel;
  readonly image: ImageShape | undefined;
  readonly options: ExplainOptions;
}

/** The rows of a sample. */
async function rowsOf({ set, model }: Task, sample: number): Promise<Float64Array[]> {
  if (sample >= set.count) throw invalid(`--sample: ${sample} of ${set.count} samples`);
  return model.rowsOf(await set.sample(sample));
}

/** At most so many rows, from all over the data, with the samples that they are of. */
async function someRows(
  task: Task,
  most: number,
): Promise<{ sample: number; row: number; values: Float64Array }[]> {
  const all = Array.from({ length: task.set.count }, (_, index) => index);
  const found: { sample: number; row: number; values: Float64Array }[] = [];
  for (const sample of spreadOver(all, most)) {
    for (const [row, values] of (await rowsOf(task, sample)).entries()) {
      if (found.length < most) found.push({ sample, row, values });
    }
  }
  return found;
}

/** The outputs' one value that is explained, or whether the row has its class. */
function target({ model }: Task, index: number): (output: ArrayLike<number>) => readonly [number] {
  if (model.isClass) return (output) => [output[0] === index ? 1 : 0];
  return (output) => [output[index] ?? NaN];
}

function greatest(output: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < output.length; index++) {
    if ((output[index] ?? NaN) > (output[best] ?? NaN)) best = index;
  }
  return best;
}

/** The background's mean, one row. */
function meanRow(rows: readonly Float64Array[], width: number): Float64Array {
  const mean = new Float64Array(width);
  for (const row of rows) {
    for (const [index, value] of row.entries()) mean[index] = (mean[index] ?? 0) + value;
  }
  return mean.map((sum) => sum / rows.length);
}

const IMAGES_OF_MEAN = 100;
const BACKGROUND_ROWS = 20;

/** What stands for features that are not known: rows of the data, or of images their mean. */
async function backgroundOf(task: Task): Promise<Float64Array[]> {
  const { command, model, image } = task;
  const most = command.background ?? (image ? IMAGES_OF_MEAN : BACKGROUND_ROWS);
  const rows = (await someRows(task, most)).map(({ values }) => values);
  return image && command.background === undefined ? [meanRow(rows, model.width)] : rows;
}

const sideOf = ({ patch }: ExplainCommand, { width, height }: ImageShape): number =>
  patch ?? Math.max(1, Math.floor(Math.min(width, height) / 8));

/** The pixels of each square that an image is divided into. */
function squares(command: ExplainCommand, image: ImageShape): number[][] {
  const { width, height } = image;
  const side = sideOf(command, image);
  const found: number[][] = [];
  for (let top = 0; top < height; top += side) {
    for (let left = 0; left < width; left += side) {
      const pixels: number[] = [];
      for (let y = top; y < Math.min(top + side, height); y++) {
        for (let x = left; x < Math.min(left + side, width); x++) pixels.push(y * width + x);
      }
      found.push(pixels);
    }
  }
  return found;
}

/** Where a pixel's channels are in a row. */
function places(pixel: number, { width, height, channels, channelsLast }: ImageShape): number[] {
  return Array.from({ length: channels }, (_, channel) =>
    channelsLast ? pixel * channels + channel : channel * width * height + pixel,
  );
}

type Found = Pick<Explanation, 'score' | 'values' | 'base' | 'isExact'>;

async function byShap(
  task: Task,
  model: ModelFunction,
  row: Float64Array,
  background: readonly Float64Array[],
): Promise<Found> {
  const { command, image, options } = task;
  const pixels = image && squares(command, image);
  const found = await kernelShap(model, row, background, {
    ...options,
    ...given('samples', command.coalitions),
    ...(image && pixels
      ? { groups: pixels.map((square) => square.flatMap((pixel) => places(pixel, image))) }
      : {}),
  });
  const [values = []] = found.values;
  const about = {
    score: found.outputs[0] ?? NaN,
    base: found.base[0] ?? NaN,
    isExact: found.isExact,
  };
  if (!image || !pixels) return { ...about, values };
  // A square's value is its pixels' together.
  const map = new Array<number>(image.width * image.height).fill(0);
  for (const [index, square] of pixels.entries()) {
    for (const pixel of square) map[pixel] = (values[index] ?? NaN) / square.length;
  }
  return { ...about, values: map };
}

async function byOcclusion(task: Task, model: ModelFunction, row: Float64Array): Promise<Found> {
  const { command, image, options } = task;
  if (!image) throw invalid('--method occlusion: needs a model whose only input is an image');
  const { score, losses } = await occlusionMap(model, row, {
    ...options,
    ...image,
    ...given('patch', command.patch),
    ...given('stride', command.stride),
    ...given('fill', command.fill),
  });
  return { score, values: [...losses] };
}

/** Why the model says what it says of the rows of the samples that are asked for. */
export async function explainRows(task: Task): Promise<Explanation[]> {
  const { command, model } = task;
  const background = command.method === 'occlusion' ? [] : await backgroundOf(task);
  const found: Explanation[] = [];
  for (const sample of command.samples) {
    for (const [row, input] of (await rowsOf(task, sample)).entries()) {
      const [output = []] = await model.ask([input]);
      const own = model.isClass ? (output[0] ?? NaN) : greatest(output);
      const index = command.classIndex ?? own;
      if (!model.isClass && index >= output.length) {
        throw invalid(`--class: ${index}, of ${output.length} values of '${model.output}'`);
      }
      const pick = target(task, index);
      const asked: ModelFunction = async (rows) => (await model.ask(rows)).map(pick);
      const explained =
        command.method === 'occlusion'
          ? await byOcclusion(task, asked, input)
          : await byShap(task, asked, input, background);
      const name = model.isClass ? model.className(index) : String(index);
      found.push({ sample, row, class: name, ...explained, input: [...input] });
    }
  }
  return found;
}

/** How good outputs are for rows: by the labels, else by what the model says of the rows as they are. */
function scoreOf(
  { model }: Task,
  usual: readonly ArrayLike<number>[],
  labels: readonly Label[] | undefined,
): { measure: string; score: (outputs: readonly ArrayLike<number>[]) => number } {
  const isClassifier = model.isClass || (usual[0]?.length ?? 0) > 1;
  if (isClassifier) {
    const classOf = (output: ArrayLike<number>): number =>
      model.isClass ? Number(model.className(output[0] ?? NaN)) : greatest(output);
    const named = (output: ArrayLike<number>): number =>
      model.isClass && !labels ? (output[0] ?? NaN) : classOf(output);
    const truth = labels ? labels.map(Number) : usual.map(named);
    const score = (outputs: readonly ArrayLike<number>[]): number =>
      outputs.filter((output, row) => named(output) === truth[row]).length / outputs.length;
    return { measure: labels ? 'accuracy' : 'agreement', score };
  }
  const truth = labels
    ? labels.map((label) => [Number(label)])
    : usual.map((row) => [...values(row)]);
  const score = (outputs: readonly ArrayLike<number>[]): number =>
    regressionMetrics(
      truth,
      outputs.map((row) => [...values(row)]),
    ).r2;
  return { measure: labels ? 'R²' : 'R² to its own', score };
}

const values = (output: ArrayLike<number>): number[] => Array.from(output);

/** How much worse the model is when a feature's values are exchanged between rows. */
export async function importanceOf(
  task: Task,
  labelsOf: ((sample: number) => readonly Label[]) | undefined,
): Promise<Importance> {
  const { command, model, options } = task;
  const found = await someRows(task, command.rows);
  const rows = found.map((item) => item.values);
  const labels =
    labelsOf && found.map(({ sample, row }) => labelsOf(sample)[row] ?? labelsOf(sample)[0] ?? NaN);
  const usual: ArrayLike<number>[] = [];
  for (let first = 0; first < rows.length; first += command.batch) {
    usual.push(...(await model.ask(rows.slice(first, first + command.batch))));
  }
  const { measure, score } = scoreOf(task, usual, labels);
  const { repeats } = command;
  const importance = await permutationImportance(model.ask, rows, score, { ...options, repeats });
  return {
    measure,
    score: importance.score,
    rows: rows.length,
    repeats,
    values: importance.features.map((feature) => feature.importance),
    deviations: importance.features.map(({ deviation }) => deviation),
  };
}
