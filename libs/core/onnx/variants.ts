import type { Root, Tensor } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import type { CanonicalModel } from './compile.js';
import { emitOnnx, shell, tensorNames } from './emission.js';
import { executionForm, kernelsIn } from './execution/form.js';
import { NCHWC } from './execution/layout.js';
import type { BlockWidth } from './execution/weights.js';
import { writeModel, type NamedHeader } from './proto/write.js';

/** A part of a model as an ONNX file, and what its inputs and outputs are in the whole. */
export interface PartialModel {
  readonly onnx: Uint8Array;
  readonly inputs: readonly (NamedHeader & Pick<OperandRef, 'kind' | 'index'>)[];
  /** Each output's name and the value it is. */
  readonly outputs: readonly { readonly name: string; readonly value: number }[];
}

/** The whole model as a machine runs it whose kernels for blocks of channels have this width. */
export function executionModel({ graph, manifest }: CanonicalModel, width: BlockWidth): Uint8Array {
  return executionForm(graph, { profile: manifest.profile, width });
}

/** A file whose only output has as many channels as a block of the runtime's NCHWc kernels; such without them refuse it. */
export function blockProbe(profile: Root): { onnx: Uint8Array; input: string; output: string; dims: readonly [number, number, number, number] } {
  const header = { dtype: 'float32' as const, dims: [1, 4, 1, 1] as const };
  const node = { name: '', opType: 'ReorderInput', domain: NCHWC, inputs: ['x'], output: 'y', attributes: [{ name: 'channels_last', value: 0 }] };
  const onnx = writeModel({ ...shell(profile), otherDomains: [NCHWC], nodes: [node], initializers: [], inputs: [{ name: 'x', ...header }], outputs: [{ name: 'y', ...header }] });
  return { onnx, input: 'x', output: 'y', dims: header.dims };
}

/**
 * For each value the name of ONNX Runtime's kernel that makes it on a machine whose blocks of channels have this width: in a
 * run, where kernels are joined, or in a trace, where every value is given out.
 */
export function kernelsOf({ graph, manifest }: CanonicalModel, { width, of }: { width: BlockWidth; of: 'run' | 'trace' }): string[] {
  return kernelsIn(graph, { profile: manifest.profile, width, ...(of === 'trace' && { outputs: [...graph.nodes.keys()] }) });
}

/** The same with every value given out, in trace order. */
export function tracingModel(model: CanonicalModel, width: BlockWidth): PartialModel {
  return part(model, { firstNode: 0, width });
}

/**
 * The graph after value `fromValue`: its inputs are the model's inputs and every earlier value that a later node reads,
 * its outputs all later values. For recomputing the rest of a run around a changed value.
 */
export function suffixModel(model: CanonicalModel, fromValue: number, width: BlockWidth): PartialModel {
  if (!Number.isInteger(fromValue) || fromValue < 0 || fromValue >= model.graph.nodes.length - 1) {
    throw new RangeError(`no values after value ${fromValue} of ${model.graph.nodes.length}`);
  }
  return part(model, { firstNode: fromValue + 1, width });
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

function part(model: CanonicalModel, { firstNode, width }: { firstNode: number; width: BlockWidth }): PartialModel {
  const { graph } = model;
  const names = tensorNames(graph);
  const read = new Set(graph.nodes.slice(firstNode).flatMap((node) => node.operands.filter(({ kind, index }) => kind === 'value' && index < firstNode).map(({ index }) => index)));
  const inputs = [
    ...graph.inputs.map((input, index) => ({ ...input, kind: 'input' as const, index })),
    ...[...read].sort((a, b) => a - b).map((index) => ({ ...graph.nodes[index]!.output, name: names[index]!, kind: 'value' as const, index })),
  ];
  const outputs = graph.nodes.slice(firstNode).map((_, i) => ({ name: names[firstNode + i]!, value: firstNode + i }));
  const onnx = executionForm(graph, { profile: model.manifest.profile, firstNode, inputs, outputs: outputs.map(({ value }) => value), width });
  return { onnx, inputs, outputs };
}
