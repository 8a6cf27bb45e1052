import { ZERO_ROOT } from '#core/hashing';
import type { TraceReader } from '#core/trace';
import { openedLevels } from './fanout.js';
import { PHASE, type Game } from './game.js';
import type { Action, Move } from './moves.js';
import { packStates, revealedSteps } from './states.js';

/** The executor's answer: what its trace says where the challenger asked. */
export function reveal(game: Game, trace: TraceReader): Action {
  switch (game.phase) {
    case PHASE.trace:
      return revealTrace(game, trace);
    case PHASE.tensor:
      return revealTensor(game, trace);
    case PHASE.steps:
      return revealSteps(game, trace);
    default:
      return { kind: 'concede', reason: `phase ${game.phase} asks nothing of the executor` };
  }
}

function revealTrace(game: Game, trace: TraceReader): Move {
  const tree = trace.traceTree();
  const opened = openedLevels(game.depth);
  const first = game.traceRoot === ZERO_ROOT;
  return {
    kind: 'revealTrace',
    nodes: tree.descendants(game.depth, Number(game.position), opened),
    outputSiblings: first ? tree.siblings(game.valueCount - 1, 0, game.depth - opened) : [],
  };
}

function revealTensor(game: Game, trace: TraceReader): Move {
  const tree = trace.valueTree(game.valueIndex);
  const first = game.header === ZERO_ROOT;
  const depth = first ? tree.depth : game.depth;
  return {
    kind: 'revealTensor',
    dataRoot: first ? tree.root : ZERO_ROOT,
    header: first ? trace.header(game.valueIndex) : ZERO_ROOT,
    nodes: tree.descendants(depth, Number(game.position), openedLevels(depth)),
  };
}

function revealSteps(game: Game, trace: TraceReader): Move {
  const first = game.stepCount === 0n;
  const stepCount = first ? trace.stepCount(game.valueIndex) : game.stepCount;
  const [low, high, highState] = first ? [0n, stepCount, game.word] : [game.lowStep, game.highStep, game.highState];
  const states = trace.statesOf(game.valueIndex, Number(game.element));
  // WHY: the segment must end in the state already on the table. An honest run's states do; a liar has no choice.
  const shown = revealedSteps(low, high).map((step) => (step === high ? highState : (states[Number(step) - 1] ?? 0n)));
  return { kind: 'revealSteps', stepCount: first ? stepCount : 0n, states: packStates(shown) };
}
