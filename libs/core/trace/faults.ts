import type { MerkleTree, Root } from '#core/hashing';
import type { TraceReader } from './reader.js';

/** What a lying executor shows instead of what its run gives; for tests, the demo and `--fault`. */
export interface Falsehoods {
  readonly outputRoot?: Root;
  readonly traceTree?: MerkleTree;
  readonly headers?: ReadonlyMap<number, Root>;
  readonly valueTrees?: ReadonlyMap<number, MerkleTree>;
  readonly stepCounts?: ReadonlyMap<number, bigint>;
  readonly statesOf?: (value: number, element: number, honest: readonly bigint[]) => readonly bigint[];
}

/** The same run with some answers replaced. */
export function lyingTrace(honest: TraceReader, lies: Falsehoods): TraceReader {
  return {
    model: honest.model,
    inputs: honest.inputs,
    initializers: honest.initializers,
    outputRoot: lies.outputRoot ?? honest.outputRoot,
    operatorOf: (code) => honest.operatorOf(code),
    traceTree: () => lies.traceTree ?? honest.traceTree(),
    header: (value) => lies.headers?.get(value) ?? honest.header(value),
    valueTree: (value) => lies.valueTrees?.get(value) ?? honest.valueTree(value),
    inputTree: (index) => honest.inputTree(index),
    initializerTree: (index) => honest.initializerTree(index),
    inputsTree: () => honest.inputsTree(),
    weightsTree: () => honest.weightsTree(),
    graphTree: () => honest.graphTree(),
    stepCount: (value) => lies.stepCounts?.get(value) ?? honest.stepCount(value),
    statesOf: (value, element) => {
      const states = honest.statesOf(value, element);
      return lies.statesOf ? lies.statesOf(value, element, states) : states;
    },
  };
}

/** Falsifies an element's chain from one micro-step on by a constant difference of bits, so that it ends in the claimed word. */
export function statesFlippedFrom(honest: readonly bigint[], step: number, claimed: bigint): bigint[] {
  const difference = (honest.at(-1) ?? 0n) ^ claimed;
  return honest.map((state, i) => (i < step ? state : state ^ difference));
}
