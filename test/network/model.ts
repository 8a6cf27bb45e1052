import { elementCount, elementWord, type Tensor } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { compileModel, type CanonicalModel } from '#core/onnx';
import { chainOfStates, tensorOf } from '#core/trace';
import type { TestedModel } from '#io/inference';
import { noise, sourceModel } from '../models/building.js';

/** A small real model, compiled for real: a product with short sums between elementwise layers. */
export const MODEL: CanonicalModel = compileModel(
  sourceModel({
    inputs: { x: [1, 4] },
    constants: { c: noise([1, 4], 1), w: noise([4, 3], 2) },
    nodes: [
      { op: 'Add', inputs: ['x', 'c'], output: 'a' },
      { op: 'MatMul', inputs: ['a', 'w'], output: 'm' },
      { op: 'Relu', inputs: ['m'], output: 'y' },
    ],
    outputs: { y: [1, 3] },
  }),
);

/** Every value by the operators' own steps: the reference instead of the runtime, for which nothing has to be waited. */
function evaluated(inputs: readonly Tensor[]): Tensor[] {
  const values: Tensor[] = [];
  const { manifest, initializers } = MODEL;
  const sources = { input: inputs, initializer: initializers, value: values };
  for (const d of manifest.descriptors.slice(0, -1)) {
    const read = (slot: number, element: number) => elementWord(sources[d.operands[slot]!.kind][d.operands[slot]!.index]!, element);
    values.push(tensorOf(d.output, Array.from({ length: elementCount(d.output.dims) }, (_, element) => chainOfStates(operatorByCode(d.op), d, { element, read }).at(-1)!)));
  }
  return values;
}

export function outputsOf(inputs: readonly Tensor[]): Tensor[] {
  const values = evaluated(inputs);
  return MODEL.manifest.descriptors.at(-1)!.operands.map(({ index }) => values[index]!);
}

const loaded: TestedModel = {
  modelId: MODEL.manifest.modelId,
  session: { model: MODEL, run: async (inputs) => outputsOf(inputs), trace: async (inputs) => evaluated(inputs), close: async () => undefined },
  close: async () => undefined,
};

/** Where executors and challengers take the model from. */
export const SHELF = {
  loaded: [MODEL.manifest.modelId],
  with: <T>(_: string, work: (model: TestedModel) => Promise<T>): Promise<T> => work(loaded),
};
