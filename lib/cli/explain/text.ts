import { table } from '../output';
import type { ExplainDocument, Explanation } from './document';

const SHOWN = 15;

export const figure = (value: number): string => String(Number(value.toPrecision(4)));

/** The features with the greatest values, whatever their sign, first. */
export function ranked(values: readonly number[]): number[] {
  return values
    .map((value, index) => ({ value: Math.abs(value), index }))
    .sort((a, b) => b.value - a.value || a.index - b.index)
    .map(({ index }) => index);
}

/** What a feature or a pixel is called in lists. */
export function nameOf({ image, importance, features }: ExplainDocument, index: number): string {
  if (!image || importance) return features[index] ?? String(index);
  return `(${index % image.width}, ${Math.floor(index / image.width)})`;
}

/** What the values are of. */
export const placeWord = ({ image, importance }: ExplainDocument): string =>
  image && !importance ? 'pixel (x, y)' : 'feature';

export const headline = ({ sample, row, score, base, ...item }: Explanation): string => {
  const where = row === 0 ? `sample ${sample}` : `sample ${sample}, row ${row}`;
  const from = base === undefined ? '' : `, from ${figure(base)} on average`;
  return `${where}: output ${item.class} is ${figure(score)}${from}`;
};

/** In words, which method the values are by. */
export const COLUMN = {
  shap: 'adds',
  occlusion: 'lost without it',
  permutation: 'importance',
} as const;

export function renderText(document: ExplainDocument): string {
  const { method, explanations, importance } = document;
  const options = { header: [placeWord(document), COLUMN[method]], right: [1], indent: 2 };
  const parts = explanations.map((item) => {
    const rows = ranked(item.values)
      .slice(0, SHOWN)
      .map((index) => [nameOf(document, index), figure(item.values[index] ?? NaN)]);
    return `${headline(item)}\n${table(rows, options)}`;
  });
  if (importance) {
    const { measure, score, rows, repeats, values, deviations } = importance;
    const lines = ranked(values)
      .slice(0, SHOWN)
      .map((index) => [
        nameOf(document, index),
        `${figure(values[index] ?? NaN)} ± ${figure(deviations[index] ?? NaN)}`,
      ]);
    parts.push(
      `${measure} ${figure(score)} on ${rows} rows; what is lost where a feature is shuffled (${repeats} times)`,
      table(lines, options),
    );
  }
  return parts.join('\n\n');
}
