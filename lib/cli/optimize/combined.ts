import { pruneAndQuantize, type CombinedResult } from '../../optimize/combine/prune-and-quantize';
import type { GuardedModel } from '../guard/text';
import { modelByteLength } from '../../optimize/guard/byte-length';
import { pruneModel } from '../../optimize/prune/prune-model';
import { quantizeModel } from '../../optimize/quantize/quantize-model';
import { ProgressLine } from '../bench/progress';
import { machineFacts } from '../bench/text';
import type { CommandResult } from '../command';
import type { Speed } from '../compare/speed';
import { speedRows, type Rows } from '../compare/text';
import { documentHead, type DocumentHead } from '../document';
import { inputsOf, measureBoth } from '../guard/measure';
import { guardedPage, guardedPart, speedPart, verdictPart } from '../guard/report';
import { readSplit, samplesUsed, type SamplesUsed } from '../guard/samples';
import { guardedRows, samplesText, verdictOf, verdictText, type Choice } from '../guard/text';
import { interrupted } from '../interrupted';
import { describeFile, type ModelFile } from '../model-file';
import { byteSize, section, table } from '../output';
import { ZEROS_NOTE } from '../prune/text';
import { deliver } from '../output-file';
import type { Combination } from './combined-options';
import type { OptimizeCommand } from './options';

/** What `onlite optimize --prune … --quantize … --json` prints. */
export interface CombinedDocument
  extends
    DocumentHead<'onlite-optimize-combined'>,
    Choice,
    Pick<CombinedResult, 'pruned' | 'channels' | 'products'> {
  readonly input: ModelFile;
  readonly samples: SamplesUsed;
  /** All that were tried at last; with their figures beside the original's. */
  readonly candidates: readonly (Choice['candidates'][number] & GuardedModel)[];
  readonly speed?: Speed;
}

/** The steps that a command line asks for, each beside the original. */
type Found = Pick<CombinedDocument, 'candidates' | 'holds' | 'pruned' | 'channels' | 'products'> & {
  readonly chosen?: { readonly name: string };
};

async function combine(command: OptimizeCommand, recipe: Combination): Promise<CombinedDocument> {
  const { input, output, limits, force, threads, judged, task } = command;
  const { prune, quantize, exclude } = recipe;
  const head = documentHead('onlite-optimize-combined');
  const file = await describeFile(input);
  const split = await readSplit(command, await inputsOf(input));
  const line = new ProgressLine(process.stderr);
  const interruption = interrupted();
  const common = {
    data: split.calibration.samples,
    heldOut: split.heldOut.samples,
    force,
    exclude,
    session: { logSeverityLevel: 4, intraOpNumThreads: threads } as const,
    signal: interruption.signal,
    ...limits,
    ...(judged === undefined ? {} : { output: judged }),
    ...(task ? { task } : {}),
  };
  const onProgress = ({ stage }: { readonly stage: string }): void => line.show(stage);
  // Noise says nothing of the moments that real samples have.
  const pruning = prune && { match: command.data !== undefined, ...prune };
  const quantizing = quantize && { method: quantize, count: split.calibration.count };
  const make = (): Promise<Found> => {
    if (pruning && quantizing) {
      const steps = { prune: pruning, quantize: quantizing };
      const onStage = (stage: string): void => line.show(stage);
      return pruneAndQuantize(input, output, { ...common, ...steps, onStage });
    }
    return pruning
      ? pruneModel(input, output, { ...common, ...pruning, onProgress })
      : quantizeModel(input, output, { ...common, ...quantizing, onProgress });
  };
  const { chosen, ...found } = await make().finally(() => {
    interruption.end();
    line.clear();
  });
  const labels = ['original', 'result'] as const;
  const speed =
    chosen && (await measureBoth([input, output], labels, split.heldOut.samples(), command));
  return {
    ...head,
    input: { ...file, bytes: await modelByteLength(input) },
    samples: samplesUsed(split, command),
    ...found,
    ...(speed ? { speed } : {}),
    ...(chosen
      ? { chosen: chosen.name, output: { path: output, bytes: await modelByteLength(output) } }
      : {}),
  };
}

/** Each step's figures beside the original's. */
function stepRows({ pruned, candidates, input }: CombinedDocument): Rows {
  const steps = pruned
    ? [pruned, ...candidates.map((each) => ({ ...each, name: `${pruned.name}, ${each.name}` }))]
    : candidates;
  return guardedRows(steps, { name: 'original', bytes: input.bytes });
}

/** Whether weights were pruned and no channel was removed. */
const hasZerosAlone = ({ pruned, candidates, channels }: CombinedDocument): boolean =>
  channels === undefined &&
  (pruned !== undefined || candidates.some(({ name }) => name.startsWith('pruned')));

const numbers = (title: string, { header, rows }: Rows): string =>
  section(title, rows, { header, right: header.map((_, column) => column).slice(1) });

function renderText(document: CombinedDocument): string {
  const { input, samples, speed } = document;
  const facts = [
    ...machineFacts(document),
    ['model', `${input.path}, ${byteSize(input.bytes)}`],
    ['samples', samplesText(samples, 'calibrate')],
  ];
  return [
    `${table(facts, { indent: 0 })}\n`,
    numbers('Steps', stepRows(document)),
    hasZerosAlone(document) ? `\n${ZEROS_NOTE}\n` : '',
    speed ? numbers('Latency and memory', speedRows(['original', 'result'], speed.models)) : '',
    verdictText(verdictOf(document)),
  ].join('');
}

function renderReport(document: CombinedDocument): string {
  const { speed, samples } = document;
  const parts = [
    verdictPart(verdictOf(document)),
    guardedPart('Steps', stepRows(document)),
    ...speedPart(['original', 'result'], speed),
  ];
  return guardedPage(
    document,
    parts,
    [
      `Written by onlite optimize. Samples: ${samplesText(samples, 'calibrate')}.`,
      hasZerosAlone(document) ? ZEROS_NOTE : '',
    ].join(' '),
  );
}

/** Prunes, quantises, or both, under one guard. */
export async function optimizeCombined(
  command: OptimizeCommand,
  recipe: Combination,
): Promise<CommandResult> {
  return deliver(command, await combine(command, recipe), {
    text: renderText,
    page: () => Promise.resolve({ renderReport }),
  });
}
