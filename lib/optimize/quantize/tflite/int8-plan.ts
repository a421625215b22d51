import { TensorType, type OperatorT, type SubgraphEditor } from '../../../formats/tflite';
import type { OperatorDecision } from '../decision';
import {
  INT16_VERSIONS,
  LAYERS,
  OPERATORS,
  type Activations,
  type LayerRule,
  type OperatorRule,
} from './int8-rules';

/**
 * Which operators become int8: `full` all that can, as TensorFlow's converter has it, `delegated`
 * those that XNNPACK takes, so that the others stay float in the same part of the graph.
 */
export type Placement = 'full' | 'delegated';

/** An operator that computes in int8, and its tensors of real numbers. */
export interface PlannedOperator {
  readonly rule: OperatorRule | LayerRule;
  /** Positions among the operator's inputs. */
  readonly data: readonly number[];
}

export interface Int8Plan {
  readonly operators: ReadonlyMap<OperatorT, PlannedOperator>;
  /** The activations that become integers, by their indices. */
  readonly tensors: ReadonlySet<number>;
  readonly activations: Activations;
  readonly decisions: readonly OperatorDecision[];
}

export interface PlanOptions {
  readonly placement: Placement;
  /** int8 by default. */
  readonly activations?: Activations;
  /** Operators by the name of their first output that stay float. */
  readonly exclude?: ReadonlySet<string>;
}

export const isLayerRule = (rule: OperatorRule | LayerRule): rule is LayerRule => 'weight' in rule;

/** What decisions and options call an operator: its first output. */
export function operatorLabel(editor: SubgraphEditor, { outputs }: OperatorT): string {
  return editor.tensor(outputs[0])?.name ?? '';
}

function isFloat(editor: SubgraphEditor, index: number | undefined): boolean {
  const tensor = editor.tensor(index);
  return tensor !== undefined && (tensor.type ?? 0) === TensorType.float32 && !tensor.isVariable;
}

/** Why a layer cannot compute in int8; undefined where it can. */
function layerFault(
  editor: SubgraphEditor,
  { inputs }: OperatorT,
  rule: LayerRule,
): string | undefined {
  if (!isFloat(editor, inputs[rule.input])) return 'its input is not float32';
  if (editor.constantBytes(inputs[rule.input])) return 'its input is a constant';
  if (!editor.hasConstantFloats(inputs[rule.weight])) return 'its weight is no float32 constant';
  const bias = inputs[rule.bias] ?? -1;
  if (bias >= 0 && !editor.hasConstantFloats(bias)) return 'its bias is no float32 constant';
  return undefined;
}

/** The positions of an operator's inputs of real numbers; undefined where it cannot be int8. */
function dataInputs(
  editor: SubgraphEditor,
  { inputs, outputs }: OperatorT,
  { data }: OperatorRule,
): number[] | undefined {
  const positions = data === 'all' ? [...inputs.keys()] : [data];
  if (
    ![...positions.map((position) => inputs[position]), ...outputs].every((index) =>
      isFloat(editor, index),
    )
  ) {
    return undefined;
  }
  const isComputed = positions.some((position) => !editor.constantBytes(inputs[position]));
  return isComputed ? positions : undefined;
}

/** The operators that can be reached from layers over such as can be int8. */
function reachable(planned: ReadonlyMap<OperatorT, PlannedOperator>): Set<OperatorT> {
  const byTensor = new Map<number, OperatorT[]>();
  const ends = (operator: OperatorT): number[] => [
    ...(planned.get(operator)?.data ?? []).flatMap((position) => operator.inputs[position] ?? []),
    ...operator.outputs,
  ];
  for (const operator of planned.keys()) {
    for (const index of ends(operator)) {
      byTensor.set(index, [...(byTensor.get(index) ?? []), operator]);
    }
  }
  const open = [...planned].flatMap(([operator, { rule }]) =>
    isLayerRule(rule) ? [operator] : [],
  );
  const found = new Set(open);
  for (let operator = open.pop(); operator; operator = open.pop()) {
    for (const other of ends(operator).flatMap((index) => byTensor.get(index) ?? [])) {
      if (found.has(other)) continue;
      found.add(other);
      open.push(other);
    }
  }
  return found;
}

/** Decides what of a subgraph computes in int8; no tensor's values have been looked at. */
export function planInt8(
  editor: SubgraphEditor,
  { placement, exclude, activations = 'int8' }: PlanOptions,
): Int8Plan {
  const candidates = new Map<OperatorT, PlannedOperator>();
  const reasons = new Map<OperatorT, string>();
  for (const operator of editor.graph.operators) {
    const name = editor.operatorName(operator);
    const hasKernel = activations === 'int8' || INT16_VERSIONS.has(name);
    const layer = hasKernel ? LAYERS.get(name) : undefined;
    const other = hasKernel ? OPERATORS.get(name) : undefined;
    if (exclude?.has(operatorLabel(editor, operator))) {
      reasons.set(operator, 'it was to stay float');
    } else if (layer) {
      const fault = layerFault(editor, operator, layer);
      if (fault === undefined) candidates.set(operator, { rule: layer, data: [layer.input] });
      else reasons.set(operator, fault);
    } else if (other && (placement === 'full' || other.isDelegated)) {
      const data = dataInputs(editor, operator, other);
      if (data) candidates.set(operator, { rule: other, data });
    } else if (isFloat(editor, operator.outputs[0])) {
      reasons.set(
        operator,
        other ? 'XNNPACK computes it in float only' : `there is no ${activations} kernel`,
      );
    }
  }
  const joined = reachable(candidates);
  const operators = new Map([...candidates].filter(([operator]) => joined.has(operator)));
  const tensors = new Set(
    [...operators].flatMap(([operator, { data }]) => [
      ...data.flatMap((position) => operator.inputs[position] ?? []),
      ...operator.outputs,
    ]),
  );
  const decisions = editor.graph.operators.flatMap((operator): OperatorDecision[] => {
    const node = operatorLabel(editor, operator);
    const own = { node, operator: editor.operatorName(operator) };
    const planned = operators.get(operator);
    if (planned) {
      const isLayer = isLayerRule(planned.rule);
      return [{ ...own, as: isLayer ? `${activations} × int8 per channel` : activations }];
    }
    const reason = reasons.get(operator);
    return reason === undefined ? [] : [{ ...own, reason }];
  });
  return {
    operators,
    tensors: new Set([...tensors].filter((index) => !editor.constantBytes(index))),
    activations,
    decisions,
  };
}
