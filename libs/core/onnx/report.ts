import { byteLength, type Tensor } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import type { ModelManifest } from './manifest.js';
import type { OnnxModel } from './proto/model.js';
import { FLOAT16 } from './proto/tensor.js';

/** What compilation did and what the model costs to run and to dispute. */
export interface CompileReport {
  /** Nodes of the source file by ONNX operator. */
  readonly sourceOperators: Readonly<Record<string, number>>;
  /** Canonical nodes by operator. */
  readonly operators: Readonly<Record<string, number>>;
  /** Source operators that became something else, with what the first of each kind became; empty where it was folded away. */
  readonly lowered: Readonly<Record<string, readonly string[]>>;
  /** What was float16 in the source and is float32 here; a Cast to float16 rounds no more. */
  readonly widened: { readonly inputs: readonly string[]; readonly outputs: readonly string[]; readonly initializers: number; readonly casts: number };
  readonly nodes: number;
  readonly weightBytes: number;
  /** Bytes of all values of one run. */
  readonly traceBytes: number;
  /** Micro-steps of the longest chain. */
  readonly maxSteps: number;
}

export interface ReportParts {
  readonly source: OnnxModel;
  readonly manifest: ModelManifest;
  readonly initializers: readonly Tensor[];
  readonly lowered: CompileReport['lowered'];
}

export function reportOf({ source, manifest, initializers, lowered }: ReportParts): CompileReport {
  const values = manifest.descriptors.slice(0, -1);
  const steps = values.map((d) => operatorByCode(d.op).steps(d));
  return {
    sourceOperators: tally(source.graph.nodes.map((node) => node.opType)),
    operators: tally(values.map((d) => operatorByCode(d.op).name)),
    lowered,
    widened: widenedIn(source),
    nodes: values.length,
    weightBytes: initializers.reduce((sum, tensor) => sum + tensor.data.length, 0),
    traceBytes: values.reduce((sum, d) => sum + byteLength(d.output), 0),
    maxSteps: steps.reduce((a, b) => Math.max(a, b)),
  };
}

function widenedIn({ graph }: OnnxModel): CompileReport['widened'] {
  const names = (infos: OnnxModel['graph']['inputs']): string[] => infos.flatMap(({ name, dataType }) => (dataType === FLOAT16 && !graph.initializers.has(name) ? [name] : []));
  return {
    inputs: names(graph.inputs),
    outputs: names(graph.outputs),
    initializers: [...graph.initializers.values()].filter(({ dataType }) => dataType === FLOAT16).length,
    casts: graph.nodes.filter(({ opType, attributes }) => opType === 'Cast' && attributes.get('to')?.int === BigInt(FLOAT16)).length,
  };
}

function tally(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
