import type { Game, Role } from './game.js';

/** Seconds left on the clock of whoever has to move; negative once it has run out. */
export function secondsLeft(game: Game, now: bigint): number {
  const clock = game.executorTurn ? game.executorClock : game.challengerClock;
  return clock - Number(now - game.movedAt);
}

/** From this time on (seconds) whoever has to move can only be expired. */
export function expiresAt(game: Game): bigint {
  return game.movedAt + BigInt(game.executorTurn ? game.executorClock : game.challengerClock);
}

/** The mover pays the seconds since the last move; the other side then has at least the extension, and the turn. */
export function chargeClock(game: Game, now: bigint, extension: number): Game {
  const left = secondsLeft(game, now);
  const granted = (clock: number): number => Math.max(clock, extension);
  const clocks = game.executorTurn
    ? { executorClock: left, challengerClock: granted(game.challengerClock) }
    : { executorClock: granted(game.executorClock), challengerClock: left };
  return { ...game, ...clocks, movedAt: now, executorTurn: !game.executorTurn };
}

export function clockOf(game: Game, role: Role): number {
  return role === 'executor' ? game.executorClock : game.challengerClock;
}
