import { DTYPES, elementCount, encodeHeader, elementWord, listRoot, MerkleTree, mixInLength, tensorRoot, ZERO_ROOT, type Root, type Tensor, type TensorHeader } from '#core/hashing';
import { descriptorLeaf, type Descriptor, type Operator, type OperandRef } from '#core/numerics';
import { concatHex, sha256 } from 'viem';
import { chainOfStates } from './chain.js';
import type { TraceModel } from './reader.js';
import { Trace } from './trace.js';

/**
 * The toy twin of a model: four operators on integers of any width, wrapping, so that whole games cost microseconds.
 * Codes are outside the registry: no contract knows them. A plan can name the real operators instead.
 */
export const TOY_CODES = { add: 240, mul: 241, sum: 242, copy: 243 } as const;

const wrap = (d: Descriptor, value: bigint): bigint => BigInt.asUintN(DTYPES[d.output.dtype].size * 8, value);
const rowLength = (d: Descriptor): number => d.operands[0]!.dims.at(-1)!;

const elementwise = (name: string, code: number, combine: (a: bigint, b: bigint) => bigint): Operator => ({
  name,
  code,
  check: () => undefined,
  steps: () => 1,
  operands: (_, { element }) => [{ slot: 0, element }, { slot: 1, element }],
  apply: (d, _, __, [a = 0n, b = 0n]) => wrap(d, combine(a, b)),
});

const toySum: Operator = {
  name: 'ToySum',
  code: TOY_CODES.sum,
  check: () => undefined,
  steps: rowLength,
  operands: (d, { element, step }) => [{ slot: 0, element: element * rowLength(d) + step }],
  apply: (d, _, state, [a = 0n]) => wrap(d, state + a),
};

const toyCopy: Operator = {
  name: 'ToyCopy',
  code: TOY_CODES.copy,
  check: () => undefined,
  steps: () => 1,
  operands: (_, { element }) => [{ slot: 0, element }],
  apply: (_, __, ___, [a = 0n]) => a,
};

const TOY_OPERATORS = [elementwise('ToyAdd', TOY_CODES.add, (a, b) => a + b), elementwise('ToyMul', TOY_CODES.mul, (a, b) => a * b), toySum, toyCopy];

export function toyOperator(code: number): Operator | undefined {
  return TOY_OPERATORS.find((o) => o.code === code);
}

/** A model before it is bound together: what each value is, and what the model puts out. */
export interface ToyPlan {
  readonly inputs: readonly Tensor[];
  readonly initializers: readonly Tensor[];
  readonly values: readonly Descriptor[];
  readonly outputs: readonly OperandRef[];
  /** What the descriptors' codes mean; the toy operators if left out. */
  readonly operatorOf?: (code: number) => Operator | undefined;
}

export function toyModel(plan: ToyPlan): TraceModel {
  const outputsEntry: Descriptor = { op: 0, outputIndex: 0, output: { dtype: 'uint8', dims: [32] }, operands: plan.outputs, attributes: [] };
  const descriptors = [...plan.values, outputsEntry];
  const graphTree = MerkleTree.of(descriptors.map(descriptorLeaf)).root;
  const weightsRoot = listRoot(plan.initializers.map(tensorRoot));
  const signatureRoot = sha256(concatHex(plan.inputs.map((t) => encodeHeader(t))));
  const profile = ZERO_ROOT;
  const modelId = sha256(concatHex([mixInLength(graphTree, descriptors.length), weightsRoot, signatureRoot, profile]));
  return { modelId, graphTree, valueCount: descriptors.length, weightsRoot, signatureRoot, profile, descriptors };
}

/** Runs the model, element by element. `corrupt` changes values as they are made; later values follow from it. */
export function toyTrace(plan: ToyPlan, corrupt: (value: number, made: Tensor) => Tensor = (_, made) => made): Trace {
  const values: Tensor[] = [];
  const operatorOf = plan.operatorOf ?? toyOperator;
  const sources = { input: plan.inputs, initializer: plan.initializers, value: values };
  plan.values.forEach((d, i) => {
    const read = (slot: number, element: number): bigint => elementWord(sources[d.operands[slot]!.kind][d.operands[slot]!.index]!, element);
    const words = Array.from({ length: elementCount(d.output.dims) }, (_, element) => chainOfStates(operatorOf(d.op)!, d, { element, read }).at(-1)!);
    values.push(corrupt(i, tensorOf(d.output, words)));
  });
  const outputRoot = listRoot(plan.outputs.map((o) => tensorRoot(sources[o.kind][o.index]!)));
  return new Trace({ model: toyModel(plan), inputs: plan.inputs, initializers: plan.initializers, values, outputRoot, operatorOf });
}

/** A tensor from its elements' words, wrapped to the dtype. */
export function tensorOf({ dtype, dims }: TensorHeader, words: readonly bigint[]): Tensor {
  const { size } = DTYPES[dtype];
  const data = new Uint8Array(words.length * size);
  words.forEach((word, i) => {
    for (let byte = 0; byte < size; byte++) data[i * size + byte] = Number((word >> BigInt(8 * byte)) & 0xffn);
  });
  return { dtype, dims, data };
}

export const inputRootOf = (inputs: readonly Tensor[]): Root => listRoot(inputs.map(tensorRoot));
