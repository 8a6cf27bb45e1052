import type { Hex } from 'viem';
import type { Root } from '#core/hashing';
import type { Game, Happening, Move } from '#core/dispute';
import type { Claim, Request } from '#core/protocol';
import type { TraceReader } from '#core/trace';

/** Something that happened in a game, and where on the chain. */
export interface GameHappening {
  readonly gameId: Root;
  readonly block: bigint;
  readonly tx: Hex;
  readonly happening: Happening;
}

/** Happenings of blocks from..to, in order. If `rewound`, everything known from block `from` on is void. */
export interface GamePage {
  readonly from: bigint;
  readonly to: bigint;
  readonly head: bigint;
  readonly rewound: boolean;
  readonly happenings: readonly GameHappening[];
}

/** Where the player hears what happens. */
export interface GameFeed {
  /** Ends when the signal does. Told about every failed look at the chain; the feed goes on by itself. */
  pages(options: { fromBlock: bigint; signal: AbortSignal; onError: (error: unknown) => void }): AsyncIterable<GamePage>;
  /** What it told does not fit the state of the chain: it is read again from the start, from elsewhere if that can be. */
  distrust?(): void;
}

export interface MoveReceipt {
  readonly hash: Hex;
  readonly block: bigint;
  readonly gasUsed: bigint;
}

/** How the player moves. Throws AssayError CHAIN_REVERTED, CHAIN_UNREACHABLE or TRANSACTION_FAILED. */
export interface MoveSender {
  move(game: Game, move: Move): Promise<MoveReceipt>;
  settle(game: Game): Promise<MoveReceipt>;
  /** Pays the submitter of a claim that was proven wrong. */
  compensate(claim: Claim, inclusion: Inclusion): Promise<MoveReceipt>;
}

/** What the player asks the chain before it acts. */
export interface ChainView {
  /** Hash of the game's state; zero if there is none, one after settlement. */
  stateOf(gameId: Root): Promise<Root>;
  /** Seconds since 1970 that the next block would carry. */
  now(): Promise<bigint>;
  /** Seconds since 1970 before which nothing is settled. */
  pausedUntil(): Promise<bigint>;
}

/** The run behind a claim: the own honest one for a challenger, the one to defend for an executor. */
export interface TraceSource {
  traceFor(claimDigest: Root, claim: Claim): Promise<TraceReader | 'unknown'>;
}

/** What a claim was asked for with, and its place in a batch on chain. */
export interface Inclusion {
  readonly request: Request;
  readonly batchId: bigint;
  readonly proof: readonly Root[];
}

/** Where a claim is in a batch, for its submitter's compensation; undefined if this player does not know. */
export interface InclusionSource {
  inclusionOf(claim: Claim): Promise<Inclusion | undefined>;
}
