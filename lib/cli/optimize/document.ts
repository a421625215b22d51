import type { OptimizedModel } from '../../optimize/simplify/optimize-model';
import type { BenchDocument, Versions } from '../bench/document';
import type { Speed } from '../compare/speed';
import type { ModelFile } from '../model-file';

/** What `onlite optimize --json` prints. */
export interface OptimizeDocument extends Omit<OptimizedModel, 'bytes' | 'sample'> {
  readonly format: 'onlite-optimize';
  readonly version: 1;
  /** ISO 8601. */
  readonly date: string;
  /** The command's words after `onlite`. */
  readonly command: readonly string[];
  readonly machine: BenchDocument['machine'];
  readonly versions: Versions;
  readonly input: ModelFile;
  readonly output: ModelFile;
  /** Where the samples came from: a path, or `random`. */
  readonly source: string;
  /** Load time, latency and memory of the input and of the output. */
  readonly speed?: Speed;
}
