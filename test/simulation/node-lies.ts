import { bindHeader, canonicalizeNaNs, DTYPES, elementCount, elementWord, listRoot, MerkleTree, tensorRoot, tensorTree, type Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { lyingTrace, statesFlippedFrom, type Trace, type TraceReader } from '#core/trace';
import { traceFrom, type InferenceSession } from '#io/inference';
import type { Random } from '#testing';

/** Elements tried at a node until one changes the outputs. */
const ATTEMPTS = 12;

export interface HonestRun {
  readonly session: InferenceSession;
  readonly trace: Trace;
}

/**
 * A run with one element of one value false, its chain false from a random micro-step on, everything after it computed
 * from there. Undefined if no element that was tried changes the outputs: then there is nothing to dispute.
 */
export async function lieAtNode({ session, trace }: HonestRun, value: number, random: Random): Promise<TraceReader | undefined> {
  const honest = trace.values;
  const elements = elementCount(honest[value]!.dims);
  for (let attempt = 0; attempt < ATTEMPTS && elements > 0; attempt++) {
    const element = random.between(0, elements);
    const told = withFlipped(honest[value]!, { element, attempt });
    const values = await recomputed(session, { inputs: trace.inputs, values: honest.with(value, told), fromValue: value });
    if (!values) continue;
    const outputs = trace.model.descriptors.at(-1)!.operands.map(({ index }) => values[index]!);
    const outputRoot = listRoot(outputs.map(tensorRoot));
    if (outputRoot === trace.outputRoot) continue;
    const from = random.between(0, Number(trace.stepCount(value)));
    const statesOf = (v: number, e: number, states: readonly bigint[]): readonly bigint[] => (v === value && e === element ? statesFlippedFrom(states, from, elementWord(told, element)) : states);
    return lyingTrace(trace, { outputRoot, statesOf, ...treesFrom(trace, { values, value, outputRoot }) });
  }
  return undefined;
}

/** The element with one bit changed; each attempt another one, of floats the larger fraction bits and the exponent. */
function withFlipped(tensor: Tensor, { element, attempt }: { element: number; attempt: number }): Tensor {
  const { size } = DTYPES[tensor.dtype];
  const bit = tensor.dtype === 'float32' ? [22, 23, 24, 30, 26, 31][attempt % 6]! : tensor.dtype === 'bool' ? 0 : attempt % (size * 8);
  const data = tensor.data.slice();
  data[element * size + (bit >> 3)]! ^= 1 << (bit & 7);
  return canonicalizeNaNs({ ...tensor, data });
}

/** Undefined where the runtime refuses what follows from the lie, such as an index outside. */
async function recomputed({ model }: InferenceSession, splice: Parameters<typeof traceFrom>[1]): Promise<Tensor[] | undefined> {
  try {
    return await traceFrom(model, splice);
  } catch (error) {
    if (error instanceof AssayError && error.code === 'EXECUTION_FAILED') return undefined;
    throw error;
  }
}

/** Trees of the values that the lie changed; those before are the honest run's. */
function treesFrom(trace: Trace, { values, value, outputRoot }: { values: readonly Tensor[]; value: number; outputRoot: TraceReader['outputRoot'] }) {
  const valueTrees = new Map(values.slice(value).map((tensor, i) => [value + i, tensorTree(tensor)] as const));
  const leaves = values.map((_, i) => bindHeader((valueTrees.get(i) ?? trace.valueTree(i)).root, trace.header(i)));
  return { valueTrees, traceTree: MerkleTree.of([...leaves, outputRoot]) };
}
