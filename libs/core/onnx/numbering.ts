import type { Tensor } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import type { CanonicalNode, ConstantValue, InputValue, NodeValue, Value } from './graph.js';
import type { NamedHeader } from './proto/write.js';

/** A canonical graph: only what the outputs need, everything numbered, initializers in the order of first use. */
export interface CanonicalGraph {
  readonly inputs: readonly NamedHeader[];
  readonly outputs: readonly { readonly name: string; readonly value: number }[];
  readonly nodes: readonly NumberedNode[];
  readonly initializers: readonly Tensor[];
}

export interface NumberedNode extends Omit<CanonicalNode, 'operands'> {
  readonly operands: readonly OperandRef[];
}

export interface LoweredGraph {
  readonly inputs: readonly NamedHeader[];
  readonly outputs: readonly { readonly name: string; readonly value: NodeValue }[];
  /** In topological order. */
  readonly nodes: readonly CanonicalNode[];
  /** Source operators that did not stay what they were: the canonical operators of the first node of each kind. */
  readonly lowered: Readonly<Record<string, readonly string[]>>;
}

export function numberGraph(lowered: LoweredGraph): CanonicalGraph {
  const kept = reachable(lowered);
  const position = new Map(kept.map((node, i) => [node, i]));
  const initializers: Tensor[] = [];
  const initializerOf = new Map<Tensor, number>();
  const index = (value: Value): number => {
    if (value.kind === 'input') return value.index;
    if (value.kind === 'node') return position.get(value.node)!;
    if (!initializerOf.has(value.tensor)) initializerOf.set(value.tensor, initializers.push(value.tensor) - 1);
    return initializerOf.get(value.tensor)!;
  };
  const nodes = kept.map((node) => ({ ...node, operands: node.operands.map((value) => ({ kind: KINDS[value.kind], index: index(value), dtype: value.dtype, dims: value.dims })) }));
  return { inputs: lowered.inputs, outputs: lowered.outputs.map(({ name, value }) => ({ name, value: position.get(value.node)! })), nodes, initializers };
}

const KINDS = { input: 'input', constant: 'initializer', node: 'value' } as const satisfies Record<(InputValue | ConstantValue | NodeValue)['kind'], OperandRef['kind']>;

function reachable({ nodes, outputs }: LoweredGraph): CanonicalNode[] {
  const needed = new Set(outputs.map(({ value }) => value.node));
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (!needed.has(nodes[i]!)) continue;
    for (const operand of nodes[i]!.operands) if (operand.kind === 'node') needed.add(operand.node);
  }
  return nodes.filter((node) => needed.has(node));
}
