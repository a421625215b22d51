import type { Dim } from '../simplify/value-types';
import { ChannelGraph, type Channels, type ConstantAxis, type IsKept } from './channel-graph';
import type { LayerWeights } from './layer-weights';

/** A constant of real numbers. */
export interface ConstantFloats {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** An operator, as far as a walk has to know it; values and constants are told by their names. */
export interface VisitedOperator {
  readonly operator: string;
  /** The name by which options and reports know it. */
  readonly label: string;
  /** What it takes, also in branches and bodies; `''` is an input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Goes through a graph from its inputs and finds what each operator couples: the part that the
 * formats have in common. A coupling that is not understood gives its reason, and all channels that
 * the operator takes stay.
 */
export abstract class CouplingWalk {
  readonly graph: ChannelGraph;
  /** What else must change where channels are removed. */
  readonly adjustments: ((isKept: IsKept) => void)[] = [];

  constructor() {
    this.graph = new ChannelGraph({ dims: (name) => this.dims(name) });
  }

  /** Of a value or a constant; undefined where the rank is not known. */
  abstract dims(name: string): readonly Dim[] | undefined;

  abstract isConstant(name: string): boolean;

  /** Undefined for what is no constant, or one of other numbers. */
  abstract floats(name: string): ConstantFloats | undefined;

  /** The weights of the graph's layers, of as many channels as are left of them. */
  abstract weights(): LayerWeights[];

  /** The multiplications by weights that the graph makes for one sample, where sizes are known. */
  abstract countProducts(): number | undefined;

  /** Leaves a constant no more than these of its elements along a dimension. */
  abstract slice(constant: ConstantAxis, kept: readonly number[]): void;

  /** Has the model say of a value how large a dimension is. */
  abstract declareSize(value: string, axis: number, size: number): void;

  /** Has all channels stay that these operators take. */
  abstract exclude(labels: ReadonlySet<string>): void;

  /** Where a value comes from whose channels no operator has set, in words. */
  protected abstract originOf(value: string): string;

  /** A value's channels along an axis: those of inputs and of other operators' results stay. */
  channels(value: string, axis: number): Channels | undefined {
    const reason = this.originOf(value);
    if (this.isConstant(value)) this.graph.pinConstant(value, reason);
    return this.graph.along(value, axis, reason);
  }

  /** The elements of a constant along these of its axes; along the others they stay. */
  elements(constant: string, ...axes: readonly number[]): Int32Array[] {
    const rank = this.isConstant(constant) ? (this.dims(constant)?.length ?? 0) : 0;
    for (let axis = 0; axis < rank; axis++) {
      if (axes.includes(axis)) continue;
      this.graph.pin(this.graph.constant(constant, axis), 'it is no dimension of channels');
    }
    return axes.map((axis) => this.graph.constant(constant, axis));
  }

  /** Has all channels of a value or a constant stay. */
  keep(name: string, reason: string): void {
    const channels = this.graph.get(name);
    if (channels) this.graph.pin(channels.ids, reason);
    if (this.isConstant(name)) this.graph.pinConstant(name, reason);
  }

  /**
   * @param couple - finds the channels of what the operator makes and ties its constants to them;
   *   gives the reason where it cannot
   */
  protected visit(
    { operator, label, inputs, outputs }: VisitedOperator,
    couple: () => string | undefined,
  ): void {
    const reason = couple();
    if (reason !== undefined) {
      for (const name of inputs) this.keep(name, `${operator} '${label}': ${reason}`);
    } else if (!outputs.some((name) => this.graph.get(name))) {
      // What it makes has no channels: none of its constants was tied to any.
      for (const name of inputs) {
        const fault = `'${name}' is used by ${operator}, which takes no channels`;
        if (this.isConstant(name)) this.keep(name, fault);
      }
    }
  }
}
