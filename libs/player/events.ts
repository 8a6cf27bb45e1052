import type { Hex } from 'viem';
import type { Root } from '#core/hashing';
import type { FaultName, Game, Role } from '#core/dispute';

interface About {
  readonly gameId: Root;
  /** The player's own part in the game. */
  readonly role: Role;
}

/** What a player did or saw, for logs and the demo. */
export type PlayerEvent =
  | (About & { readonly kind: 'joined'; readonly game: Game; readonly block: bigint; readonly tx: Hex })
  /** The other side made a move. */
  | (About & { readonly kind: 'answered'; readonly game: Game; readonly block: bigint; readonly tx: Hex })
  | (About & { readonly kind: 'moved'; readonly move: string; readonly block: bigint; readonly tx: Hex; readonly gas: bigint; readonly millis: number })
  /** A move that would have been made, had this player not been told only to watch. */
  | (About & { readonly kind: 'withheld'; readonly move: string })
  | (About & { readonly kind: 'ended'; readonly winner: Role; readonly fault: FaultName; readonly block: bigint; readonly tx: Hex })
  | (About & { readonly kind: 'settled'; readonly block: bigint; readonly tx: Hex })
  | (About & { readonly kind: 'conceded'; readonly reason: string })
  /** A move did not go through: tried again with the game as it then is, later, or never in this state. */
  | (About & { readonly kind: 'failed'; readonly move: string; readonly again: 'now' | 'later' | 'never'; readonly error: unknown })
  /** The own run could not be had; the clock runs on and the player tries again. */
  | (About & { readonly kind: 'traceless'; readonly error?: unknown });

/** Something went wrong outside any one game. */
export interface FeedFailure {
  readonly kind: 'feedFailed';
  readonly error: unknown;
}

export type Report = (event: PlayerEvent | FeedFailure) => void;
