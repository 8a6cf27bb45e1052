import { encodeAbiParameters, keccak256, type Address } from 'viem';
import { depthFor, ZERO_ROOT, type Root } from '#core/hashing';

/** Whose answer the game waits for, and how it ended. */
export const PHASE = { trace: 1, tensor: 2, steps: 3, executorLost: 4, challengerLost: 5 } as const;

/** What the contract found when a game ended; same order as IDisputes.Fault. */
export const FAULTS = { none: 0, tracePadding: 1, outputs: 2, header: 3, tensorPadding: 4, stepCount: 5, step: 6, silence: 7 } as const;
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

const GAME_TUPLE = [
  {
    type: 'tuple',
    components: [
      { name: 'claim', type: 'bytes32' },
      { name: 'executor', type: 'address' },
      { name: 'challenger', type: 'address' },
      { name: 'phase', type: 'uint8' },
      { name: 'executorTurn', type: 'bool' },
      { name: 'movedAt', type: 'uint64' },
      { name: 'executorClock', type: 'uint32' },
      { name: 'challengerClock', type: 'uint32' },
      { name: 'outputRoot', type: 'bytes32' },
      { name: 'traceRoot', type: 'bytes32' },
      { name: 'valueCount', type: 'uint32' },
      { name: 'valueIndex', type: 'uint32' },
      { name: 'header', type: 'bytes32' },
      { name: 'node', type: 'bytes32' },
      { name: 'depth', type: 'uint8' },
      { name: 'position', type: 'uint64' },
      { name: 'element', type: 'uint64' },
      { name: 'word', type: 'uint64' },
      { name: 'stepCount', type: 'uint64' },
      { name: 'lowStep', type: 'uint64' },
      { name: 'highStep', type: 'uint64' },
      { name: 'lowState', type: 'uint64' },
      { name: 'highState', type: 'uint64' },
    ],
  },
] as const;

/** The word stored on chain for a game: keccak256(abi.encode(Game)). */
export function hashGame(game: Game): Root {
  return keccak256(encodeAbiParameters(GAME_TUPLE, [game]));
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
