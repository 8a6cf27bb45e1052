import type { Tensor } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import type { CanonicalModel } from './compile.js';
import { emitOnnx, tensorNames } from './emission.js';
import type { NamedHeader } from './proto/write.js';

/** A part of a model as an ONNX file, and what its inputs and outputs are in the whole. */
export interface PartialModel {
  readonly onnx: Uint8Array;
  readonly inputs: readonly (NamedHeader & Pick<OperandRef, 'kind' | 'index'>)[];
  /** Each output's name and the value it is. */
  readonly outputs: readonly { readonly name: string; readonly value: number }[];
}

/** The same nodes with every value given out, in trace order. */
export function tracingModel(model: CanonicalModel): PartialModel {
  return part(model, 0);
}

/**
 * The graph after value `fromValue`: its inputs are the model's inputs and every earlier value that a later node reads,
 * its outputs all later values. For recomputing the rest of a run around a changed value.
 */
export function suffixModel(model: CanonicalModel, fromValue: number): PartialModel {
  if (!Number.isInteger(fromValue) || fromValue < 0 || fromValue >= model.graph.nodes.length - 1) {
    throw new RangeError(`no values after value ${fromValue} of ${model.graph.nodes.length}`);
  }
  return part(model, fromValue + 1);
}

/**
 * The model with some initializers replaced by others of the same header, under the manifest of the original:
 * what an executor with tampered weights runs.
 */
export function withInitializers(model: CanonicalModel, replaced: ReadonlyMap<number, Tensor>): CanonicalModel {
  const initializers = model.initializers.map((tensor, i) => replaced.get(i) ?? tensor);
  const graph = { ...model.graph, initializers };
  return { ...model, graph, initializers, onnx: emitOnnx(graph, { profile: model.manifest.profile }) };
}

function part(model: CanonicalModel, firstNode: number): PartialModel {
  const { graph } = model;
  const names = tensorNames(graph);
  const read = new Set(graph.nodes.slice(firstNode).flatMap((node) => node.operands.filter(({ kind, index }) => kind === 'value' && index < firstNode).map(({ index }) => index)));
  const inputs = [
    ...graph.inputs.map((input, index) => ({ ...input, kind: 'input' as const, index })),
    ...[...read].sort((a, b) => a - b).map((index) => ({ ...graph.nodes[index]!.output, name: names[index]!, kind: 'value' as const, index })),
  ];
  const outputs = graph.nodes.slice(firstNode).map((_, i) => ({ name: names[firstNode + i]!, value: firstNode + i }));
  const onnx = emitOnnx(graph, { profile: model.manifest.profile, firstNode, inputs, outputs: outputs.map(({ value }) => value) });
  return { onnx, inputs, outputs };
}
