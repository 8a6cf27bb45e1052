import type { Root } from '#core/hashing';
import type { Claim } from '#core/protocol';
import { PHASE, type FaultName, type Game } from './game.js';
import type { Reveal } from './moves.js';

/** What the chain says happened in one game; every entry carries the state it led to. */
export type Happening =
  | { readonly kind: 'opened'; readonly claim: Claim; readonly game: Game }
  | { readonly kind: 'revealed'; readonly nodes: readonly Root[]; readonly game: Game }
  | { readonly kind: 'chosen'; readonly game: Game }
  | { readonly kind: 'ended'; readonly fault: FaultName; readonly game: Game }
  | { readonly kind: 'settled' };

/** A game rebuilt from what happened. */
export interface Known {
  readonly claim: Claim;
  readonly game: Game;
  readonly reveals: readonly Reveal[];
  readonly fault?: FaultName;
  readonly settled: boolean;
}

/** Folds one more happening into what is known; a game starts with `opened`, anything before that is ignored. */
export function follow(known: Known | undefined, happening: Happening): Known | undefined {
  if (happening.kind === 'opened') return { claim: happening.claim, game: happening.game, reveals: [], settled: false };
  if (!known) return undefined;
  switch (happening.kind) {
    case 'revealed':
      return { ...known, game: happening.game, reveals: [...known.reveals, { nodes: happening.nodes, game: happening.game }] };
    case 'chosen':
      return { ...known, game: happening.game };
    case 'ended':
      return { ...known, game: happening.game, fault: happening.fault };
    case 'settled':
      return { ...known, settled: true };
  }
}

/** Plain words for a phase, for logs. */
export function phaseName(game: Game): string {
  return (Object.keys(PHASE) as (keyof typeof PHASE)[]).find((name) => PHASE[name] === game.phase) ?? `phase ${game.phase}`;
}
