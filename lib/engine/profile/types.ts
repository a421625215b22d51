import type { Engine } from '../addon/native';

/** A tensor of an operator: its element type and the shape it had in the profiled runs. */
export interface ProfiledTensor {
  type: string;
  dims: number[];
}

/** Where the time of one operator went. */
export interface ProfiledOperator {
  /**
   * ONNX: the node's name in the optimised graph, after those of the If, Loop or
   * Scan around it (`Loop_0/Add_1`). TensorFlow Lite: the operator's first
   * output; for one of XNNPACK's own operators
   * `xnnpack/<subgraph>/<partition>/<operator>`, and without the last part for
   * what a partition took beyond its operators.
   */
  name: string;
  /** `Conv`, `CONV_2D`, …; of XNNPACK's operators its own word, such as `Convolution`. */
  type: string;
  /** What ran it: `cpu`, `cuda`, `xnnpack`, … */
  provider: string;
  /** The kernel, where the runtime tells: `Convolution (NHWC, QC8) IGEMM`. */
  kernel?: string;
  /** All runs together, without the operators of subgraphs that it calls. */
  nanoseconds: number;
  /** Of all operators' time, 0 to 1. */
  share: number;
  /** How often it ran, all runs together. */
  count: number;
  /** Of its outputs, each time it runs. */
  bytes?: number;
  /** As far as the runtime tells: ONNX Runtime leaves out weights it has repacked. */
  inputShapes?: ProfiledTensor[];
  outputShapes?: ProfiledTensor[];
}

/** An operator of the model. */
export interface OperatorName {
  name: string;
  type: string;
}

/** The answer of {@link InferenceSession.profile}: plain data, fit for JSON. */
export interface ModelProfile {
  engine: Engine;
  runs: number;
  /**
   * The runs' nanoseconds inside the runtime. More than the operators' where the
   * runtime itself takes time, less where operators run beside each other.
   */
  totalNs: number;
  /** The longest first. */
  operators: ProfiledOperator[];
  /**
   * Those that ran on none of the providers or delegates that were asked for
   * (TensorFlow Lite's default is XNNPACK); empty if only `cpu` was.
   */
  notAccelerated: (OperatorName & { provider: string; share: number })[];
  /**
   * TensorFlow Lite: the model's operators that the delegate took, in the
   * subgraphs that ran. It runs them as operators of its own, some fused.
   */
  delegated?: OperatorName[];
  /** How far the figures can be trusted, in sentences. */
  notes: string[];
}

/** What a runtime's profile gives before shares are known. */
export type MeasuredOperator = Omit<ProfiledOperator, 'share'>;
