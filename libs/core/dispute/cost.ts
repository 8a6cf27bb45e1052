import { chunkCount, depthFor } from '#core/hashing';
import { encodeDescriptor, operatorByCode, type Descriptor, type OperandRef } from '#core/numerics';
import type { ModelManifest } from '#core/onnx';
import { openedLevels, strideOf, MAX_STATES } from './fanout.js';

/** The moves of a game that cost gas, by their functions' names; `settle` comes after the verdict. */
export type PricedMove = 'open' | 'revealTrace' | 'choose' | 'revealTensor' | 'revealSteps' | 'chooseSegment' | 'prove' | 'settle';

/** What moves cost, as contracts/snapshots record it: whole transactions at full fan-out, on a toy's short paths. */
export interface MovePrices {
  readonly transaction: Readonly<Record<PricedMove, number>>;
  /** States in the recorded reveal of micro-steps. */
  readonly states: number;
  /** The most that one micro-step of each operator was seen to cost in the contract, openings hashed. */
  readonly step: Readonly<Record<string, number>>;
}

/** A dispute about one value, played to its end by both sides. */
export interface DisputePath {
  readonly value: number;
  readonly operator: string;
  /** From the opening to the proof, each a transaction. */
  readonly moves: readonly PricedMove[];
  /** Moves and the settlement. */
  readonly transactions: number;
  /** All transactions together cost at most this. */
  readonly gasBound: number;
}

/**
 * Gas of a word more than the recorded transaction has: 40 for each of its bytes is the floor of EIP-7623, and more than
 * calldata (16 each, EIP-2028) and the hash of one tree node (under 500, measured) together.
 */
const WORD = 32 * 40;
/** A transaction with its game, eight words, and the words that belong to every reveal, by the floor of EIP-7623. */
const FLOOR = 21_000 + 16 * WORD;
/** Words of an operand's opening besides its siblings: offset, chunk, list length, place and count of the siblings. */
const OPENING_WORDS = 5;

/** The dispute about a lie in this model that costs most, by the rules of the game. */
export function worstDispute(manifest: ModelManifest, prices: MovePrices): DisputePath {
  return manifest.descriptors
    .slice(0, -1)
    .map((_, value) => disputePath(manifest, value, prices))
    .reduce((worst, path) => (path.gasBound > worst.gasBound ? path : worst));
}

/** A dispute about one value: every round that its trees and its chain of micro-steps need (docs/protocol.md section 4). */
export function disputePath(manifest: ModelManifest, value: number, prices: MovePrices): DisputePath {
  const d = manifest.descriptors[value]!;
  const operator = operatorByCode(d.op);
  const segments = segmentsOf(BigInt(operator.steps(d)));
  const rounds = (depth: number, reveal: PricedMove): PricedMove[] => Array.from({ length: roundsOf(depth) }, () => [reveal, 'choose'] as const).flat();
  const chosen: PricedMove[] = ['open', ...rounds(depthFor(manifest.valueCount), 'revealTrace'), ...rounds(depthFor(chunkCount(d.output)), 'revealTensor')];
  const chain = Array.from({ length: segments }, (_, i): PricedMove[] => ['revealSteps', i < segments - 1 ? 'chooseSegment' : 'prove']).flat();
  // The proof of an operator of one micro-step takes the place of the last choice.
  const moves = segments === 0 ? chosen.with(-1, 'prove') : [...chosen, ...chain];
  const paid = [...moves, 'settle' as const].reduce((sum, move) => sum + priceOf(move, prices), 0);
  return { value, operator: operator.name, moves, transactions: moves.length + 1, gasBound: paid + WORD * longerPaths(manifest, d) + stepPrice(operator.name, prices) };
}

/** Reveals that a tree of this depth needs. */
function roundsOf(depth: number): number {
  return Math.max(1, Math.ceil(depth / Math.max(1, openedLevels(depth))));
}

/** Reveals that a chain needs until single states are open; none for one micro-step. */
function segmentsOf(steps: bigint): number {
  if (steps <= 1n) return 0;
  let segments = 1;
  for (let n = steps; strideOf(n) > 1n; n = strideOf(n)) segments++;
  return segments;
}

/** What one transaction costs at most, its paths as short as the recorded one's. States count as if none of their bytes were zero. */
function priceOf(move: PricedMove, { transaction, states }: MovePrices): number {
  if (move !== 'revealSteps') return transaction[move];
  const words = Math.ceil(MAX_STATES / 4);
  return Math.max(transaction.revealSteps + WORD * (words - Math.ceil(states / 4)) + 12 * 32 * words, FLOOR + WORD * words);
}

/** Words by which this model's paths may be longer: outputs in the first reveal; descriptor, its path and the operands' in the proof. */
function longerPaths(manifest: ModelManifest, d: Descriptor): number {
  const trace = depthFor(manifest.valueCount);
  const descriptor = (encodeDescriptor(d).length - 2) / 64;
  const paths = d.operands.map((operand) => OPENING_WORDS + depthFor(chunkCount(operand)) + depthFor(listLength(manifest, operand)));
  const longest = Math.max(0, ...paths);
  return 2 * trace + descriptor + operandsRead(d) * longest;
}

function listLength({ valueCount, initializerCount, signature }: ModelManifest, { kind }: OperandRef): number {
  return { value: valueCount, initializer: initializerCount, input: signature.inputs.length }[kind];
}

/** Operand elements that one micro-step reads at most, of the first element's first and last ones. */
function operandsRead(d: Descriptor): number {
  const operator = operatorByCode(d.op);
  const steps = operator.steps(d);
  return Math.max(...[0, 1, steps - 2, steps - 1].filter((step) => step >= 0 && step < steps).map((step) => operator.operands(d, { element: 0, step }, 0n).length));
}

/** An operator whose step was not recorded yet counts as the dearest one. */
function stepPrice(operator: string, { step }: MovePrices): number {
  return step[operator] ?? Math.max(...Object.values(step));
}
