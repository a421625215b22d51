import type { DocumentHead } from '../document';
import type { ModelFile } from '../model-file';
import type { ExplainMethod } from './options';

/** Of an input that is an image: where a pixel's channels are. */
export interface ImageShape {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly channelsLast: boolean;
}

/** Why the model said what it said of one row. */
export interface Explanation {
  readonly sample: number;
  /** The row in the sample, from 0. */
  readonly row: number;
  /** The explained one of the output's values: of a classifier the class. */
  readonly class: string;
  readonly score: number;
  /** Of `shap`: the score's mean over the background; it and all values add up to the score. */
  readonly base?: number;
  /** Of `shap`: whether all sets of features were asked about. */
  readonly isExact?: boolean;
  /** What each feature, or pixel row by row, adds; of `occlusion` what is lost without it. */
  readonly values: readonly number[];
  /** The explained row, as the model was asked. */
  readonly input: readonly number[];
}

/** How much worse the model is without each feature. */
export interface Importance {
  /** What the score is: `accuracy`, `agreement` with the model's own classes, or `R²`. */
  readonly measure: string;
  readonly score: number;
  readonly rows: number;
  readonly repeats: number;
  /** In the features' order. */
  readonly values: readonly number[];
  readonly deviations: readonly number[];
}

/** What `onlite explain --json` prints. */
export interface ExplainDocument extends DocumentHead<'onlite-explain'> {
  readonly model: ModelFile;
  readonly source: string;
  readonly method: ExplainMethod;
  readonly output: string;
  readonly features: readonly string[];
  readonly image?: ImageShape;
  /** One for each explained row; none for `permutation`. */
  readonly explanations: readonly Explanation[];
  readonly importance?: Importance;
}
