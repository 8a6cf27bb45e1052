import { bindHeader, depthFor, MerkleTree, rootFromSiblings, ZERO_ROOT, type Root } from '#core/hashing';
import { chargeClock, expiresAt, secondsLeft } from './clocks.js';
import { openedLevels, revealedCount, strideOf } from './fanout.js';
import { faultShown, type Shown } from './faults.js';
import { isOver, mover, PHASE, type Game, type Role } from './game.js';
import { chosenPosition, chosenStates, elementAt } from './choices.js';
import { layoutOf } from './layout.js';
import type { Choice, Move } from './moves.js';
import { Refusal, require, type RefusalName } from './refusal.js';
import type { Rules } from './setting.js';
import { laneOf, statesRoot } from './states.js';

export interface Turn {
  readonly game: Game;
  readonly move: Move;
  readonly by: Role;
  /** Block time in seconds. */
  readonly now: bigint;
}

export type Played = { readonly game: Game; readonly shown?: Shown } | { readonly refusal: RefusalName };

/**
 * The rules of the dispute game, twin of contracts/src/Disputes.sol: the state a move leads to, or why it is refused.
 * Pure and total. Both give the same state hash after every move, held by test/simulation.
 */
export function play(rules: Rules, turn: Turn): Played {
  try {
    return moved(rules, turn);
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.refusal };
    throw error;
  }
}

function moved(rules: Rules, { game, move, by, now }: Turn): Played {
  require(!isOver(game), 'WrongPhase');
  if (move.kind === 'expire') return { game: expired(game, now) };
  require(mover(game) === by && (by === 'executor') === move.kind.startsWith('reveal'), 'NotYourTurn');
  require(secondsLeft(game, now) >= 0, 'ClockExpired');
  const passed = chargeClock(game, now, rules.extension);
  if (move.kind !== 'prove') return { game: next(passed, move) };
  const shown = faultShown({ rules, game: passed, move });
  return { game: { ...passed, phase: PHASE.executorLost, movedAt: now }, shown };
}

function expired(game: Game, now: bigint): Game {
  require(now > expiresAt(game), 'ClockRunning');
  return { ...game, phase: game.executorTurn ? PHASE.executorLost : PHASE.challengerLost, movedAt: now };
}

function next(game: Game, move: Exclude<Move, { kind: 'prove' | 'expire' }>): Game {
  switch (move.kind) {
    case 'revealTrace':
      return revealTrace(game, move.nodes, move.outputSiblings);
    case 'revealTensor':
      return revealTensor(game, move);
    case 'revealSteps':
      return revealSteps(game, move.stepCount, move.states);
    case 'choose':
      return choose(game, move.choice);
    case 'chooseSegment':
      return chooseSegment(game, move.before, move.last);
  }
}

function revealTrace(game: Game, nodes: readonly Root[], outputSiblings: readonly Root[]): Game {
  require(game.phase === PHASE.trace, 'WrongPhase');
  const root = rootOfLevel(game.depth, nodes);
  if (game.traceRoot !== ZERO_ROOT) {
    require(root === game.node, 'NotUnderNode');
    return game;
  }
  require(game.node === ZERO_ROOT || game.node === root, 'NotUnderNode');
  const below = game.depth - openedLevels(game.depth);
  const leaf = game.valueCount - 1;
  require(outputSiblings.length === below, 'NotTheOutput');
  require(rootFromSiblings(game.outputRoot, leaf, outputSiblings) === nodes[Math.floor(leaf / 2 ** below)], 'NotTheOutput');
  return { ...game, traceRoot: root, node: root, outputRoot: ZERO_ROOT };
}

function revealTensor(game: Game, { dataRoot, header, nodes }: { dataRoot: Root; header: Root; nodes: readonly Root[] }): Game {
  require(game.phase === PHASE.tensor, 'WrongPhase');
  const opened = game.header === ZERO_ROOT ? openTensor(game, dataRoot, header) : game;
  require(rootOfLevel(opened.depth, nodes) === opened.node, 'NotUnderNode');
  return opened;
}

function openTensor(game: Game, dataRoot: Root, header: Root): Game {
  require(bindHeader(dataRoot, header) === game.node, 'NotUnderNode');
  return { ...game, depth: depthFor(layoutOf(header).chunks), header, node: dataRoot };
}

function revealSteps(game: Game, stepCount: bigint, states: readonly Root[]): Game {
  require(game.phase === PHASE.steps, 'WrongPhase');
  const opened = game.stepCount === 0n ? openSteps(game, stepCount) : game;
  const count = revealedCount(opened.highStep - opened.lowStep);
  require(states.length === Math.ceil(count / 4), 'WrongNodeCount');
  requireEnd(states.at(-1)!, (count - 1) % 4, opened.highState);
  return { ...opened, node: statesRoot(states), depth: depthFor(states.length) };
}

function openSteps(game: Game, stepCount: bigint): Game {
  require(stepCount > 0n, 'OutOfRange');
  return { ...game, stepCount, highStep: stepCount, highState: game.word };
}

/** The last revealed state ends the segment; nothing comes after it. */
function requireEnd(word: Root, lane: number, highState: bigint): void {
  require(laneOf(word, lane) === highState, 'ValueMismatch');
  for (let after = lane + 1; after < 4; after++) require(laneOf(word, after) === 0n, 'ValueMismatch');
}

function choose(game: Game, choice: Choice): Game {
  require(game.phase !== PHASE.steps, 'WrongPhase');
  const position = chosenPosition(game, choice);
  const chosen = { ...game, depth: game.depth - openedLevels(game.depth), node: choice.node, position };
  if (chosen.depth > 0) return chosen;
  return game.phase === PHASE.trace ? enterTensor(chosen) : enterSteps(chosen, choice);
}

function enterTensor(game: Game): Game {
  require(game.position < BigInt(game.valueCount - 1), 'OutOfRange');
  return { ...game, phase: PHASE.tensor, valueIndex: Number(game.position), position: 0n };
}

function enterSteps(game: Game, choice: Choice): Game {
  const { element, word, elements } = elementAt(game.header, game.position, choice);
  require(element < elements, 'OutOfRange');
  return { ...game, phase: PHASE.steps, element, word, position: 0n, node: ZERO_ROOT };
}

function chooseSegment(game: Game, before: Choice, last: Choice): Game {
  require(game.phase === PHASE.steps, 'WrongPhase');
  const stride = strideOf(game.highStep - game.lowStep);
  require(stride > 1n, 'WrongPhase');
  const { low: lowState, high: highState } = chosenStates(game, before, last);
  const lowStep = game.lowStep + BigInt(last.index) * stride;
  const highStep = game.highStep - lowStep > stride ? lowStep + stride : game.highStep;
  return { ...game, lowStep, highStep, lowState, highState, node: ZERO_ROOT, depth: 0 };
}

function rootOfLevel(depth: number, nodes: readonly Root[]): Root {
  require(nodes.length === 2 ** openedLevels(depth), 'WrongNodeCount');
  return MerkleTree.of(nodes).root;
}
