import type { Hex } from 'viem';
import type { Root } from '#core/hashing';
import type { Claim } from '#core/protocol';
import type { TraceModel } from '#core/trace';
import type { FaultName, Game } from './game.js';

/** The twins of the structs in contracts/src/types/Types.sol. */
export interface Choice {
  /** Position among the revealed nodes, or the revealed states in phase steps. */
  readonly index: number;
  /** Element within the chunk at chunk level of a tensor, else 0. */
  readonly lane: number;
  readonly node: Root;
  readonly siblings: readonly Root[];
}

/** A chunk of an operand's data, with siblings to its data root and on to the root it is opened against. */
export interface Opening {
  readonly chunk: Root;
  readonly listLength: number;
  readonly siblings: readonly Root[];
}

export interface OutputOpening {
  readonly root: Root;
  readonly listLength: number;
  readonly siblings: readonly Root[];
}

/** Preimage of a model id. */
export interface Model {
  readonly graphTree: Root;
  readonly valueCount: number;
  readonly weightsRoot: Root;
  readonly signatureRoot: Root;
  readonly profile: Root;
}

export interface Proof {
  readonly claim: Claim;
  readonly model: Model;
  readonly descriptor: Hex;
  readonly descriptorSiblings: readonly Root[];
  readonly last: Choice;
  readonly before: Choice;
  readonly openings: readonly Opening[];
  readonly outputs: readonly OutputOpening[];
}

export type Move =
  | { readonly kind: 'revealTrace'; readonly nodes: readonly Root[]; readonly outputSiblings: readonly Root[] }
  | { readonly kind: 'revealTensor'; readonly dataRoot: Root; readonly header: Root; readonly nodes: readonly Root[] }
  | { readonly kind: 'revealSteps'; readonly stepCount: bigint; readonly states: readonly Root[] }
  | { readonly kind: 'choose'; readonly choice: Choice }
  | { readonly kind: 'chooseSegment'; readonly before: Choice; readonly last: Choice }
  | { readonly kind: 'prove'; readonly fault: FaultName; readonly proof: Proof }
  | { readonly kind: 'expire' };

/** What a player should do now. */
export type Action =
  | Move
  | { readonly kind: 'settle' }
  /** Nothing to do before this time (seconds), unless the other side moves. */
  | { readonly kind: 'wait'; readonly until: bigint }
  /** Nothing can be won any more: the other side is right, or the own clock has run out. */
  | { readonly kind: 'concede'; readonly reason: string };

/** What one Revealed event brought: the nodes, and the state it led to. */
export interface Reveal {
  readonly nodes: readonly Root[];
  readonly game: Game;
}

export function modelOf({ graphTree, valueCount, weightsRoot, signatureRoot, profile }: TraceModel): Model {
  return { graphTree, valueCount, weightsRoot, signatureRoot, profile };
}
