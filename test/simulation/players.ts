import { bytesToHex } from 'viem';
import { solve, type Action, type Position } from '#core/dispute';
import type { TraceReader } from '#core/trace';
import type { Random } from '#testing';
import { chosenMove, type RandomMoves } from './random-moves.js';

/** Someone who plays: what to do at a position, and after how many seconds. */
export interface Player {
  act(position: Position, secondsLeft: number): { action: Action; after: number };
}

/** Plays as the solver says, taking up to `slowest` seconds a move. */
export function honestPlayer(random: Random, slowest: number): Player {
  return { act: (position) => ({ action: solve(position), after: random.between(0, slowest + 1) }) };
}

/** Plays as the solver says, each time in the last second. */
export function lastSecondPlayer(): Player {
  return { act: (position, secondsLeft) => ({ action: solve(position), after: secondsLeft }) };
}

/** Stops answering after some moves. */
export function silentAfter(moves: number, player: Player): Player {
  let made = 0;
  return {
    act(position, secondsLeft) {
      if (made++ < moves) return player.act(position, secondsLeft);
      return { action: { kind: 'concede', reason: 'silent' }, after: 0 };
    },
  };
}

/** A challenger without a case: any legal choice, and every proof it can think of. */
export function lyingChallenger(random: Random, moves: RandomMoves = chosenMove): Player {
  return { act: (position, secondsLeft) => ({ action: moves(random, position), after: random.pick([0, 1, secondsLeft]) }) };
}

/** Answers, but not always from the same run. */
export function inconsistent(random: Random, other: TraceReader): Player {
  return { act: (position) => ({ action: solve({ ...position, trace: random.next() < 0.5 ? position.trace : other }), after: 0 }) };
}

/** Makes its first move again and again. */
export function replayer(player: Player): Player {
  let first: Action | undefined;
  return { act: (position, left) => ({ action: (first ??= player.act(position, left).action), after: 0 }) };
}

/** Reveals what nobody has committed to. */
export function garbage(random: Random): Player {
  return {
    act(position) {
      const action = solve(position);
      return { action: 'nodes' in action ? { ...action, nodes: action.nodes.map(() => bytesToHex(random.bytes(32))) } : action, after: 0 };
    },
  };
}
