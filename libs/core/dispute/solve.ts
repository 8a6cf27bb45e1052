import type { Claim } from '#core/protocol';
import type { TraceReader } from '#core/trace';
import { accuse } from './challenger.js';
import { expiresAt } from './clocks.js';
import { reveal } from './executor.js';
import { isOver, mover, type Game, type Role } from './game.js';
import type { Action, Reveal } from './moves.js';

/** All a player knows of a game. */
export interface Position {
  readonly game: Game;
  readonly role: Role;
  readonly claim: Claim;
  readonly trace: TraceReader;
  /** Every reveal so far, oldest first. */
  readonly reveals: readonly Reveal[];
  /** Block time in seconds. */
  readonly now: bigint;
  /** Seconds between the end of a game and its settlement. */
  readonly payoutDelay: number;
  /** Nothing is settled before this block time; a guardian may have set it. */
  readonly pausedUntil?: bigint;
}

/**
 * What a player should do now. Pure and deterministic: the same position gives the same action, so a player that
 * crashed goes on where it was. Reads the trace only on its own turn.
 */
export function solve(position: Position): Action {
  const idle = idleAction(position);
  if (idle) return idle;
  return position.role === 'executor' ? reveal(position.game, position.trace) : accuse(position);
}

/** What to do when it is not the player's own turn, without a trace; undefined if it is. */
export function idleAction({ game, role, now, payoutDelay, pausedUntil = 0n }: Omit<Position, 'trace' | 'claim' | 'reveals'>): Action | undefined {
  if (isOver(game)) {
    const delayed = game.movedAt + BigInt(payoutDelay);
    const payableAt = delayed > pausedUntil ? delayed : pausedUntil;
    return now >= payableAt ? { kind: 'settle' } : { kind: 'wait', until: payableAt };
  }
  const deadline = expiresAt(game);
  if (mover(game) === role) return now > deadline ? { kind: 'concede', reason: 'the own clock has run out' } : undefined;
  return now > deadline ? { kind: 'expire' } : { kind: 'wait', until: deadline + 1n };
}
