/** What `onlite info` says of a model, whichever format it has. */

export interface ValueSummary {
  name: string;
  /** An element type, or e.g. `sequence(map(int64, float32))`. */
  type: string;
  /** Absent when the rank is unknown or the value is no tensor; -1 is an unnamed dynamic dim. */
  shape?: (number | string)[];
  optional?: boolean;
  quantization?: { scale: number[]; zeroPoint: number[]; axis?: number };
}

export interface OperatorSummary {
  domain: string;
  name: string;
  count: number;
}

export interface WeightSummary {
  type: string;
  parameters: number;
  bytes: number;
}

export interface ExternalFileSummary {
  location: string;
  tensors: number;
}

export interface SignatureSummary {
  inputs: ValueSummary[];
  outputs: ValueSummary[];
}

export interface ModelSummary {
  engine: 'onnxruntime' | 'tflite';
  format: {
    name: 'onnx' | 'ort' | 'tflite';
    /** Of ONNX's intermediate representation, in `.ort` files too, or of TFLite's schema. */
    version: number;
    /** Of ONNX Runtime's own format. */
    formatVersion?: string;
    opsets?: { domain: string; version: number }[];
  };
  inputs: ValueSummary[];
  outputs: ValueSummary[];
  signatures: Record<string, SignatureSummary>;
  metadata: {
    producer: string;
    producerVersion: string;
    graphName: string;
    domain: string;
    description: string;
    version: bigint;
    custom: Record<string, string>;
    /** Names of the blocks that a TFLite file carries. */
    names: string[];
  };
  /** By how often they occur; subgraphs and functions included. */
  operators: OperatorSummary[];
  subgraphs: number;
  functions: number;
  weights: WeightSummary[];
  externalData: ExternalFileSummary[];
}

/** Counts by key, most frequent first, then by name. */
export class OperatorCounter {
  private readonly counts = new Map<string, OperatorSummary>();

  add(domain: string, name: string): void {
    const key = `${domain}\0${name}`;
    const entry = this.counts.get(key);
    if (entry) entry.count++;
    else this.counts.set(key, { domain, name, count: 1 });
  }

  list(): OperatorSummary[] {
    return [...this.counts.values()].sort(
      (a, b) => b.count - a.count || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
    );
  }
}

/** Sums per element type, largest first. */
export class WeightCounter {
  private readonly sums = new Map<string, WeightSummary>();

  add(type: string, parameters: number, bytes: number): void {
    const sum = this.sums.get(type) ?? { type, parameters: 0, bytes: 0 };
    sum.parameters += parameters;
    sum.bytes += bytes;
    this.sums.set(type, sum);
  }

  list(): WeightSummary[] {
    return [...this.sums.values()].sort((a, b) => b.bytes - a.bytes);
  }
}
