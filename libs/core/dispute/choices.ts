import { rootFromSiblings, type Root } from '#core/hashing';
import { openedLevels, revealedCount, STATES_PER_WORD } from './fanout.js';
import type { Game } from './game.js';
import { chunkWord, layoutOf } from './layout.js';
import type { Choice } from './moves.js';
import { require } from './refusal.js';
import { laneOf, statesRootFromSiblings } from './states.js';

/** Position in its level of a choice among the nodes just revealed; refuses what is none of them. */
export function chosenPosition(game: Game, choice: Choice): bigint {
  const levels = openedLevels(game.depth);
  require(choice.index < 2 ** levels, 'OutOfRange');
  require(choice.siblings.length === levels && rootFromSiblings(choice.node, choice.index, choice.siblings) === game.node, 'NotUnderNode');
  return (game.position << BigInt(levels)) + BigInt(choice.index);
}

/** The element a choice at chunk level names, whether or not the tensor has it. `position` is the chunk's. */
export function elementAt(header: Root, position: bigint, choice: Choice): { element: bigint; word: bigint; elements: bigint } {
  const { elements, size, lanes } = layoutOf(header);
  require(choice.lane < lanes, 'OutOfRange');
  return { element: position * BigInt(lanes) + BigInt(choice.lane), word: chunkWord(choice.node, choice.lane, size), elements };
}

/** The revealed states before and after the interval that `last` names. */
export function chosenStates(game: Game, before: Choice, last: Choice): { low: bigint; high: bigint } {
  require(last.index < revealedCount(game.highStep - game.lowStep), 'OutOfRange');
  const high = revealedState(game, last, last.index);
  return { low: stateBefore(game, before, last), high };
}

/** The state before the one that `last` names; unless both are in one word, `before` shows it, and must be a revealed one. */
export function stateBefore(game: Game, before: Choice, last: Choice): bigint {
  if (last.index === 0) return game.lowState;
  const lane = last.index % STATES_PER_WORD;
  return lane > 0 ? laneOf(last.node, lane - 1) : revealedState(game, before, last.index - 1);
}

function revealedState(game: Game, choice: Choice, index: number): bigint {
  require(choice.index === index, 'OutOfRange');
  const at = Math.floor(index / STATES_PER_WORD);
  require(choice.siblings.length === game.depth && statesRootFromSiblings(choice.node, at, choice.siblings) === game.node, 'NotUnderNode');
  return laneOf(choice.node, index % STATES_PER_WORD);
}
