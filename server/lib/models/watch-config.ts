import type {
  LabelOptions,
  PredictionLogOptions,
  RedactionOptions,
  WatchOptions,
} from 'onlite/watch';

/** How a model is watched: the options of `onlite/watch`, with folders in place of the files of one version. */
export interface WatchConfig extends Pick<
  WatchOptions,
  | 'sample'
  | 'maxRowsPerSecond'
  | 'features'
  | 'prediction'
  | 'events'
  | 'drift'
  | 'qualityWindow'
  | 'confidence'
  | 'alerts'
> {
  /** The file of the reference, beside the version's model. */
  readonly profile?: string;
  /** `FOLDER/<model>/<version>/predictions.jsonl`. */
  readonly log?: Omit<PredictionLogOptions, 'path' | 'redact'> & {
    readonly folder: string;
    readonly redact?: RedactionOptions & {
      /** The key's file, in place of the key. */
      readonly keyFile?: string;
    };
  };
  /** The journal is `FOLDER/<model>/<version>/labels.jsonl`; without a folder it is in memory alone. */
  readonly labels?: Omit<LabelOptions, 'path'> & { readonly folder?: string };
}
