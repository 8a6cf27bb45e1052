import { hexToBytes, type Hex } from 'viem';
import { PHASE, stateBefore as agreedState, unpackGame, type Game } from '#core/dispute';
import { DTYPES, elementWord, type Dtype } from '#core/hashing';
import { decodeDescriptor, operatorByCode, type Descriptor, type StepAt } from '#core/numerics';
import { disputeCall, type ProofArgs } from '#io/chain';
import { readState, readWord, type Reading } from './word.js';

const STEP_FAULT = 6;
const CHUNK = 32;

export interface FinalOperand extends Reading {
  /** Which of the operator's operands, and which element of it. */
  readonly slot: number;
  readonly element: number;
  readonly from: 'input' | 'initializer' | 'value';
}

/** The one operation the contract executed, read back from the calldata of `prove` and the verdict's event. */
export interface FinalStep {
  /** Index of the value in the canonical graph. */
  readonly node: number;
  readonly operator: string;
  readonly element: number;
  /** The micro-step within the element, from 0. */
  readonly k: number;
  readonly steps: number;
  readonly operands: readonly FinalOperand[];
  /** Agreed state before it; zero at k = 0. */
  readonly before: Reading & { readonly block?: Reading };
  /** The contract's result, and what the executor had revealed. */
  readonly expected: Reading & { readonly block?: Reading };
  readonly revealed: Reading & { readonly block?: Reading };
}

interface Verdict {
  readonly fault: number;
  readonly expected: bigint;
  readonly revealed: bigint;
}


/** undefined if the fault proven was not a micro-step. */
export function finalStepOf(calldata: Hex, verdict: Verdict): FinalStep | undefined {
  const call = disputeCall(calldata);
  if (call.functionName !== 'prove' || verdict.fault !== STEP_FAULT) return undefined;
  const [words, , proof] = call.args;
  const game = unpackGame(words);
  const descriptor = decodeDescriptor(proof.descriptor);
  const operator = operatorByCode(descriptor.op);
  const at = stepOf(game, proof, descriptor);
  const dtype = descriptor.output.dtype;
  return {
    node: game.valueIndex,
    operator: operator.name,
    element: at.element,
    k: at.step,
    steps: operator.steps(descriptor),
    operands: operator.operands(descriptor, at, stateBefore(game, proof)).map((operand, i) => operandOf(descriptor, operand, proof.openings[i]!.chunk)),
    before: readState(stateBefore(game, proof), dtype),
    expected: readState(verdict.expected, dtype),
    revealed: readState(verdict.revealed, dtype),
  };
}

/** In phase tensor the last choice is the element and its operator takes one step; in phase steps it is the state after the step. */
function stepOf(game: Game, { last }: ProofArgs, { output }: Descriptor): StepAt {
  if (game.phase !== PHASE.tensor) return { element: Number(game.element), step: Number(game.lowStep) + last.index };
  // Chunks are revealed, so every level below the node is open.
  const chunk = Number(game.position) * 2 ** game.depth + last.index;
  return { element: chunk * (CHUNK / DTYPES[output.dtype].size) + last.lane, step: 0 };
}

function stateBefore(game: Game, { last, before }: ProofArgs): bigint {
  return game.phase === PHASE.tensor ? 0n : agreedState(game, before, last);
}

function operandOf(descriptor: Descriptor, { slot, element }: { slot: number; element: number }, chunk: Hex): FinalOperand {
  const { dtype, kind } = descriptor.operands[slot]!;
  return { slot, element, from: kind, ...readWord(wordInChunk(chunk, dtype, element), dtype) };
}

function wordInChunk(chunk: Hex, dtype: Dtype, element: number): bigint {
  const perChunk = CHUNK / DTYPES[dtype].size;
  return elementWord({ dtype, dims: [perChunk], data: hexToBytes(chunk) }, element % perChunk);
}
