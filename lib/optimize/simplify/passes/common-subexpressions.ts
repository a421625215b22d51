import { subgraphs, type AttributeProto, type NodeProto } from '../../../formats/onnx';
import type { Pass } from '../context';
import { isDeterministic } from '../operators';

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  // JSON has no NaN and no infinities.
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

/** Equal for nodes that compute the same. */
function keyOf({ domain = '', opType, input, output, attribute }: NodeProto): string {
  const attributes = [...attribute].sort(byName);
  const outputs = output.map((name) => name !== '');
  return JSON.stringify([domain, opType, input, outputs, attributes], plain);
}

const byName = (
  { name: one = '' }: AttributeProto,
  { name: other = '' }: AttributeProto,
): number => (one < other ? -1 : 1);

/** Computes once what several nodes compute from the same values. */
export const commonSubexpressions: Pass = (editor) => {
  const seen = new Map<string, NodeProto>();
  const isOutput = ({ output }: NodeProto): boolean => output.some((name) => editor.isOutput(name));
  let count = 0;
  for (const node of editor.nodes) {
    if (!isDeterministic(node) || subgraphs(node).length > 0) continue;
    const key = keyOf(node);
    const twin = seen.get(key);
    if (!twin) {
      seen.set(key, node);
      continue;
    }
    // The names of the graph's outputs stay.
    const [kept, other] = isOutput(node) ? [node, twin] : [twin, node];
    if (isOutput(other)) continue;
    editor.removeNode(other);
    other.output.forEach((name, index) => editor.replaceUses(name, kept.output[index] ?? ''));
    seen.set(key, kept);
    count++;
  }
  return count;
};
