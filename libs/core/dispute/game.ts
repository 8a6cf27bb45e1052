import { concatHex, encodeAbiParameters, getAddress, hexToBigInt, keccak256, numberToHex, sliceHex, type Address, type Hex } from 'viem';
import { depthFor, ZERO_ROOT, type Root } from '#core/hashing';

/** Whose answer the game waits for, and how it ended. */
export const PHASE = { trace: 1, tensor: 2, steps: 3, executorLost: 4, challengerLost: 5 } as const;

/** What the contract found when a game ended; same order as IDisputes.Fault. */
export const FAULTS = { none: 0, tracePadding: 1, outputs: 2, header: 3, tensorPadding: 4, stepCount: 5, step: 6, silence: 7, equivocation: 8, contradiction: 9 } as const;
export type FaultName = keyof typeof FAULTS;

/** Name of a fault code in an Ended event. */
export function faultName(code: number): FaultName {
  return (Object.keys(FAULTS) as FaultName[]).find((name) => FAULTS[name] === code) ?? 'none';
}

export type Role = 'executor' | 'challenger';

/** A dispute, whole: the twin of the Solidity struct, field by field (docs/protocol.md section 4 says what each means). */
export interface Game {
  readonly claim: Root;
  readonly executor: Address;
  readonly challenger: Address;
  readonly phase: number;
  readonly executorTurn: boolean;
  readonly movedAt: bigint;
  readonly executorClock: number;
  readonly challengerClock: number;
  readonly outputRoot: Root;
  readonly traceRoot: Root;
  readonly valueCount: number;
  readonly valueIndex: number;
  readonly header: Root;
  readonly node: Root;
  readonly depth: number;
  readonly position: bigint;
  readonly element: bigint;
  readonly word: bigint;
  readonly stepCount: bigint;
  readonly lowStep: bigint;
  readonly highStep: bigint;
  readonly lowState: bigint;
  readonly highState: bigint;
}

/** A game as calldata, events and its hash have it: eight words (docs/protocol.md section 4). */
export type PackedGame = readonly [Root, Root, Root, Root, Root, Root, Root, Root];

const EXECUTOR_TURN = 1;
const TRACED = 2;

/** Twin of Games.pack. */
export function packGame(game: Game): PackedGame {
  const traced = game.traceRoot !== ZERO_ROOT;
  const flags = (game.executorTurn ? EXECUTOR_TURN : 0) | (traced ? TRACED : 0);
  return [
    game.claim,
    word([game.executor, 20], [game.movedAt, 5], [game.executorClock, 4], [game.phase, 1], [game.depth, 1], [flags, 1]),
    word([game.challenger, 20], [game.challengerClock, 4], [game.valueCount, 4], [game.valueIndex, 4]),
    traced ? game.traceRoot : game.outputRoot,
    game.node,
    game.header,
    word([game.position, 8], [game.element, 8], [game.word, 8], [game.stepCount, 8]),
    word([game.lowStep, 8], [game.highStep, 8], [game.lowState, 8], [game.highState, 8]),
  ];
}

/** Twin of Games.load. */
export function unpackGame(words: readonly Root[]): Game {
  const [claim, left, right, root, node, header, place, segment] = words as PackedGame;
  const at = (packed: Root, from: number, size: number): bigint => hexToBigInt(sliceHex(packed, from, from + size));
  const flags = Number(at(left, 31, 1));
  const traced = (flags & TRACED) !== 0;
  return {
    claim,
    executor: getAddress(sliceHex(left, 0, 20)),
    challenger: getAddress(sliceHex(right, 0, 20)),
    phase: Number(at(left, 29, 1)),
    executorTurn: (flags & EXECUTOR_TURN) !== 0,
    movedAt: at(left, 20, 5),
    executorClock: Number(at(left, 25, 4)),
    challengerClock: Number(at(right, 20, 4)),
    outputRoot: traced ? ZERO_ROOT : root,
    traceRoot: traced ? root : ZERO_ROOT,
    valueCount: Number(at(right, 24, 4)),
    valueIndex: Number(at(right, 28, 4)),
    header,
    node,
    depth: Number(at(left, 30, 1)),
    position: at(place, 0, 8),
    element: at(place, 8, 8),
    word: at(place, 16, 8),
    stepCount: at(place, 24, 8),
    lowStep: at(segment, 0, 8),
    highStep: at(segment, 8, 8),
    lowState: at(segment, 16, 8),
    highState: at(segment, 24, 8),
  };
}

/** Values in a row, each of so many bytes, big-endian. */
function word(...parts: readonly (readonly [Hex | number | bigint, number])[]): Root {
  return concatHex(parts.map(([value, size]) => (typeof value === 'string' ? value : numberToHex(value, { size })))).toLowerCase() as Root;
}

/** The word stored on chain for a game: keccak256 of its eight words. */
export function hashGame(game: Game): Root {
  return keccak256(concatHex(packGame(game)));
}

/** keccak256(abi.encode(claimDigest, challenger)): a challenger plays a claim once. */
export function gameIdOf(claim: Root, challenger: Address): Root {
  return keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'address' }], [claim, challenger]));
}

export interface Started {
  readonly claim: Root;
  readonly executor: Address;
  readonly challenger: Address;
  readonly outputRoot: Root;
  readonly valueCount: number;
  readonly now: bigint;
  readonly clock: number;
}

/** The state `open` leads to: the executor has to reveal the trace. */
export function newGame({ claim, executor, challenger, outputRoot, valueCount, now, clock }: Started): Game {
  return {
    claim,
    executor,
    challenger,
    phase: PHASE.trace,
    executorTurn: true,
    movedAt: now,
    executorClock: clock,
    challengerClock: clock,
    outputRoot,
    traceRoot: ZERO_ROOT,
    valueCount,
    valueIndex: 0,
    header: ZERO_ROOT,
    node: ZERO_ROOT,
    depth: depthFor(valueCount),
    position: 0n,
    element: 0n,
    word: 0n,
    stepCount: 0n,
    lowStep: 0n,
    highStep: 0n,
    lowState: 0n,
    highState: 0n,
  };
}

export function isOver(game: Game): boolean {
  return game.phase === PHASE.executorLost || game.phase === PHASE.challengerLost;
}

/** Who has to move; undefined once the game is over. */
export function mover(game: Game): Role | undefined {
  if (isOver(game)) return undefined;
  return game.executorTurn ? 'executor' : 'challenger';
}

export function winner(game: Game): Role | undefined {
  if (game.phase === PHASE.executorLost) return 'challenger';
  return game.phase === PHASE.challengerLost ? 'executor' : undefined;
}
