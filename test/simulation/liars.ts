import { bindHeader, chunkCount, DTYPES, elementCount, encodeHeader, MerkleTree, tensorTree, type Root, type Tensor } from '#core/hashing';
import { lyingTrace, statesFlippedFrom, tensorOf, toyTrace, type ToyPlan, type Trace, type TraceReader } from '#core/trace';
import { bytesToHex } from 'viem';
import type { Random } from '#testing';

export interface Run {
  readonly plan: ToyPlan;
  readonly honest: Trace;
  readonly random: Random;
}

/** Makes the trace of an executor that lies in one way; undefined if this model offers no chance to. */
export type Lie = (run: Run) => TraceReader | undefined;
/** A lie about what an honest run of any model gave. */
export type StructureLie = (run: Pick<Run, 'honest' | 'random'>) => TraceReader | undefined;

const randomRoot = (random: Random): Root => bytesToHex(random.bytes(32));

export function flipped(random: Random, tensor: Tensor): Tensor {
  const data = tensor.data.slice();
  if (data.length > 0) data[random.between(0, data.length)]! ^= random.between(1, 256);
  return { ...tensor, data };
}

/** One wrong element of one value; everything after it is computed from it. */
const wrongElement: Lie = ({ plan, random }) => {
  const at = random.between(0, plan.values.length);
  return toyTrace(plan, (value, made) => (value === at ? flipped(random, made) : made));
};

/** Several values wrong by themselves: what follows does not follow. */
const wrongValues: StructureLie = ({ honest, random }) => {
  const wrong = new Set(Array.from({ length: random.between(1, 4) }, () => random.between(0, honest.values.length)));
  const trees = new Map([...wrong].map((v) => [v, tensorTree(flipped(random, honest.values[v]!))]));
  return withLeaves(honest, { valueTrees: trees });
};

const wrongInput: Lie = ({ plan, random }) => {
  const at = random.between(0, plan.inputs.length);
  return toyTrace({ ...plan, inputs: plan.inputs.map((t, i) => (i === at ? flipped(random, t) : t)) });
};

const wrongWeight: Lie = ({ plan, random }) => {
  if (plan.initializers.length === 0) return undefined;
  const at = random.between(0, plan.initializers.length);
  return toyTrace({ ...plan, initializers: plan.initializers.map((t, i) => (i === at ? flipped(random, t) : t)) });
};

const wrongOutput: StructureLie = ({ honest, random }) => lyingTrace(honest, withOutput(honest, randomRoot(random)));

function withOutput(honest: TraceReader, outputRoot: Root) {
  return { outputRoot, traceTree: MerkleTree.of([...leavesOf(honest).slice(0, -1), outputRoot]) };
}

const wrongPadding: StructureLie = ({ honest, random }) => {
  const leaves = leavesOf(honest);
  const room = 2 ** honest.traceTree().depth - leaves.length;
  if (room === 0) return undefined;
  const padding = Array.from({ length: random.between(1, room + 1) }, () => randomRoot(random));
  return lyingTrace(honest, { traceTree: MerkleTree.of([...leaves, ...padding]) });
};

const wrongTensorPadding: StructureLie = ({ honest, random }) => {
  const value = random.between(0, honest.values.length);
  const tensor = honest.values[value]!;
  const free = chunkCount(tensor) * 32 - tensor.data.length;
  if (free === 0) return undefined;
  const padded = new Uint8Array(chunkCount(tensor) * 32);
  padded.set(tensor.data);
  padded[tensor.data.length + random.between(0, free)] = random.between(1, 256);
  return withLeaves(honest, { valueTrees: new Map([[value, new MerkleTree(padded)]]) });
};

const wrongHeader: StructureLie = ({ honest, random }) => {
  const value = random.between(0, honest.values.length);
  const { dtype, dims } = honest.values[value]!;
  const elements = elementCount(dims);
  const other = { dtype, dims: [...dims, random.pick([1, 2, 40])].slice(-7) };
  if (random.next() < 0.3 && dims.length > 0) return withHeader(honest, value, { dtype, dims: [elements * 2] });
  return withHeader(honest, value, random.next() < 0.5 ? other : { dtype: random.pick(['int32', 'uint8', 'int64', 'bool'] as const), dims: [...dims, 3] });
};

function withHeader(honest: TraceReader, value: number, header: { dtype: keyof typeof DTYPES; dims: readonly number[] }): TraceReader {
  const tree = tensorTree(tensorOf(header, Array.from({ length: elementCount(header.dims) }, (_, i) => BigInt(i))));
  return withLeaves(honest, { headers: new Map([[value, encodeHeader(header)]]), valueTrees: new Map([[value, tree]]) });
}

/** A wrong element of a sum, defended by chains that are false from a random step on. */
const wrongPartialSum: Lie = (run) => {
  const { random } = run;
  const base = wrongSum(run);
  return base && lyingTrace(base.trace, { statesOf: (_, element, honest) => statesFlippedFrom(honest, random.between(0, honest.length), base.claimed(element)) });
};

const wrongStepCount: Lie = (run) => {
  const base = wrongSum(run);
  if (!base) return undefined;
  const right = base.trace.stepCount(base.value);
  const counts = [1n, right - 1n, right + 1n, right * 2n, 257n, 70_000n, 2n ** 40n, 2n ** 64n - 1n].filter((n) => n > 0n && n !== right);
  return lyingTrace(base.trace, { stepCounts: new Map([[base.value, run.random.pick(counts)]]) });
};

function wrongSum({ plan, honest, random }: Run) {
  const sums = plan.values.flatMap((_, i) => (honest.stepCount(i) > 1n ? [i] : []));
  if (sums.length === 0) return undefined;
  const value = random.pick(sums);
  const trace = toyTrace(plan, (v, made) => (v === value ? flipped(random, made) : made));
  const { size } = DTYPES[trace.values[value]!.dtype];
  const view = trace.values[value]!.data;
  const claimed = (element: number): bigint => view.slice(element * size, (element + 1) * size).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
  return { value, trace, claimed };
}

function leavesOf(trace: TraceReader): Root[] {
  return Array.from({ length: trace.model.valueCount }, (_, i) => trace.traceTree().node(0, i));
}

/** The same run with other trees or headers for some values, and the trace tree that follows. */
function withLeaves(honest: TraceReader, lies: { headers?: ReadonlyMap<number, Root>; valueTrees: ReadonlyMap<number, MerkleTree> }): TraceReader {
  const leaves = leavesOf(honest);
  for (const [value, tree] of lies.valueTrees) leaves[value] = bindHeader(tree.root, lies.headers?.get(value) ?? honest.header(value));
  return lyingTrace(honest, { ...lies, traceTree: MerkleTree.of(leaves) });
}

export const STRUCTURE_LIES = { wrongValues, wrongOutput, wrongPadding, wrongTensorPadding, wrongHeader } as const;

export const LIES: Readonly<Record<string, Lie>> = {
  wrongElement,
  wrongInput,
  wrongWeight,
  ...STRUCTURE_LIES,
  wrongPartialSum,
  wrongStepCount,
};
