import { claimDigest } from '#core/protocol';
import { expiresAt, hashGame, isOver, mover, newGame, openedLevels, packStates, PHASE, play, revealedCount, solve, statesSiblings, strideOf, winner, type Choice, type FaultName, type Game, type Move, type Reveal, type Role } from '#core/dispute';
import { MerkleTree, ZERO_ROOT } from '#core/hashing';
import type { ToyPlan, TraceReader } from '#core/trace';
import { NETWORK, RULES, toyClaim } from './match.js';
import { accusationsOf } from './random-moves.js';

/** Clocks so short that every second of them is tried. */
export const SHORT = { clock: 3, extension: 2 } as const;

export interface Exploration {
  readonly plan: ToyPlan;
  readonly model: TraceReader['model'];
  /** Of the executor's trace and the challenger's own. */
  readonly executor: TraceReader;
  readonly challenger: TraceReader;
  /** Who plays as the solver says, at any time it has; the other does anything it may. Undefined: both do anything. */
  readonly honest: Role | undefined;
}

export interface Explored {
  readonly states: number;
  readonly edges: number;
  readonly longest: number;
  readonly ends: Readonly<Record<Role, number>>;
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
}

interface Node {
  readonly game: Game;
  readonly reveals: readonly Reveal[];
}

interface Played {
  readonly move: Move;
  readonly next: Node;
  readonly fault: FaultName | undefined;
}

/**
 * Every state that a game between these two can come to, in depth-first order: each move at each second, silence included.
 * Throws where a state is movable by nobody and not resolvable, movable and resolvable at once, or on a cycle.
 */
export function explore(exploration: Exploration): Explored {
  const claim = toyClaim(exploration.plan, exploration.model.modelId, exploration.executor.outputRoot);
  const rules = { ...RULES, extension: SHORT.extension };
  const seen = new Map<string, number>();
  const onPath = new Set<string>();
  const movesOf = new Map<string, readonly Played[]>();
  const ends = { executor: 0, challenger: 0 };
  const faults: Partial<Record<FaultName, number>> = {};
  let edges = 0;

  const visit = ({ game, reveals }: Node): number => {
    if (isOver(game)) {
      ends[winner(game)!]++;
      return 0;
    }
    const key = keyOf(game, reveals);
    if (onPath.has(key)) throw new Error('a game that can go on for ever');
    const known = seen.get(key);
    if (known !== undefined) return known;
    onPath.add(key);
    let longest = 0;
    for (const next of successors({ game, reveals })) {
      edges++;
      longest = Math.max(longest, 1 + visit(next));
    }
    onPath.delete(key);
    seen.set(key, longest);
    return longest;
  };

  /**
   * What the side whose turn it is may send (the solver's answer if it is honest, else anything), and what follows.
   * WHY kept: neither depends on the time, and one position comes with many clocks. Clocks are played for every one of them.
   */
  const movesAt = ({ game, reveals }: Node): readonly Played[] => {
    const key = `${hashGame({ ...game, movedAt: 0n, executorClock: 0, challengerClock: 0 })}/${reveals.length}`;
    const known = movesOf.get(key);
    if (known) return known;
    const by = mover(game)!;
    const honest = by === exploration.honest;
    const answer = () => [solve({ game, role: by, claim, trace: exploration[by], reveals, now: game.movedAt, payoutDelay: 1 })].filter(isMove);
    const moves = (honest ? answer() : anyMoves({ game, reveals, exploration, claim })).flatMap((move): Played[] => {
      requireRefusedLate(game, move);
      const played = play(rules, { game, move, by, now: game.movedAt });
      if ('game' in played) return [{ move, next: { game: played.game, reveals: withReveal(reveals, move, played.game) }, fault: played.shown?.fault }];
      if (honest) throw new Error(`the honest ${by}'s ${move.kind} was refused: ${played.refusal}`);
      return [];
    });
    if (honest && by === 'executor' && moves.length === 0) throw new Error('an honest executor has no answer');
    movesOf.set(key, moves);
    return moves;
  };

  const successors = (node: Node): Node[] => {
    const { game } = node;
    const by = mover(game)!;
    const honest = by === exploration.honest;
    const left = Number(expiresAt(game) - game.movedAt);
    const moves = movesAt(node);
    const nodes: Node[] = [];
    // The honest side takes any time up to the extension, which it always has; the other any time at all.
    for (let delay = 0; delay <= (honest ? SHORT.extension : left); delay++) {
      const now = game.movedAt + BigInt(delay);
      requireNotResolvable(game, now);
      if (moves.length === 0) continue;
      const clocks = clocksAfter(game, moves[0]!.move, now);
      for (const { next, fault } of moves) {
        if (fault) faults[fault] = (faults[fault] ?? 0) + 1;
        nodes.push({ game: { ...next.game, ...clocks }, reveals: next.reveals });
      }
    }
    if (!honest || nodes.length === 0) nodes.push({ game: expired(game), reveals: node.reveals });
    return nodes;
  };

  const clocksAfter = (game: Game, move: Move, now: bigint) => {
    const played = play(rules, { game, move, by: mover(game)!, now });
    if (!('game' in played)) throw new Error(`taken at one time and refused at another: ${played.refusal}`);
    const { movedAt, executorClock, challengerClock } = played.game;
    return { movedAt, executorClock, challengerClock };
  };

  const requireRefusedLate = (game: Game, move: Move): void => {
    for (const by of ['executor', 'challenger'] as const) {
      const late = play(rules, { game, move, by, now: expiresAt(game) + 1n });
      if ('game' in late) throw new Error('a move after the clock ran out was taken');
    }
  };

  const expired = (game: Game): Game => {
    const ended = play(rules, { game, move: { kind: 'expire' }, by: 'challenger', now: expiresAt(game) + 1n });
    if (!('game' in ended)) throw new Error(`nobody can move and nobody can resolve: ${ended.refusal}`);
    return ended.game;
  };

  const requireNotResolvable = (game: Game, now: bigint): void => {
    const ended = play(rules, { game, move: { kind: 'expire' }, by: 'challenger', now });
    if ('game' in ended) throw new Error('movable and resolvable at once');
  };

  const { executor, challenger } = claimPlayers(claim);
  const started = newGame({ claim: claimDigest(NETWORK, claim), executor, challenger, outputRoot: claim.outputRoot, valueCount: exploration.model.valueCount, now: 1_000n, clock: SHORT.clock });
  const longest = visit({ game: started, reveals: [] });
  return { states: seen.size, edges, longest, ends, faults };
}

function claimPlayers({ executor, coordinator }: ReturnType<typeof toyClaim>) {
  return { executor, challenger: coordinator };
}

/** Time matters by what is left of it only; what was revealed follows from the state and the two traces. */
function keyOf(game: Game, reveals: readonly Reveal[]): string {
  return `${hashGame({ ...game, movedAt: 0n })}/${reveals.length}`;
}

function isMove(action: { readonly kind: string }): action is Move {
  return action.kind !== 'concede' && action.kind !== 'wait' && action.kind !== 'settle';
}

function withReveal(reveals: readonly Reveal[], move: Move, game: Game): readonly Reveal[] {
  const nodes = move.kind === 'revealSteps' ? move.states : 'nodes' in move ? move.nodes : undefined;
  return nodes ? [...reveals, { nodes, game }] : reveals;
}

interface Turn {
  readonly game: Game;
  readonly reveals: readonly Reveal[];
  readonly exploration: Exploration;
  readonly claim: ReturnType<typeof toyClaim>;
}

/** Everything a dishonest player may try at a state: the answer of its trace, every choice, every accusation. */
function anyMoves({ game, reveals, exploration, claim }: Turn): Move[] {
  if (game.executorTurn) {
    const answer = () => [solve({ game, role: 'executor', claim, trace: exploration.executor, reveals, now: game.movedAt, payoutDelay: 1 })].filter(isMove);
    return [...possible(answer), ...wrongCounts(game)];
  }
  const nodes = reveals.at(-1)?.nodes;
  if (!nodes) return [];
  const accusations = () => accusationsOf({ game, role: 'challenger', claim, trace: exploration.challenger, reveals, now: game.movedAt, payoutDelay: 1 });
  return [...choices(game, nodes), ...possible(accusations)];
}

/** WHY: a trace that a liar made up may have no answer; a header that is larger than its data has no states. */
function possible(make: () => Move[]): Move[] {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

/** Micro-steps that are not the operator's, made up from nothing. */
function wrongCounts(game: Game): Move[] {
  if (game.phase !== PHASE.steps || game.stepCount !== 0n) return [];
  return [1n, 2n].map((stepCount) => ({ kind: 'revealSteps', stepCount, states: packStates([...Array<bigint>(Number(stepCount) - 1).fill(9n), game.word]) }));
}

const NOTHING: Choice = { index: 0, lane: 0, node: ZERO_ROOT, siblings: [] };

function choices(game: Game, nodes: readonly `0x${string}`[]): Move[] {
  if (game.phase === PHASE.steps) {
    if (strideOf(game.highStep - game.lowStep) === 1n) return [];
    const state = (index: number): Choice => ({ index, lane: 0, node: nodes[Math.floor(index / 4)]!, siblings: statesSiblings(nodes, Math.floor(index / 4)) });
    return Array.from({ length: revealedCount(game.highStep - game.lowStep) }, (_, i) => ({ kind: 'chooseSegment' as const, before: i === 0 ? NOTHING : state(i - 1), last: state(i) }));
  }
  const tree = MerkleTree.of(nodes);
  const lanes = game.phase === PHASE.tensor && game.depth === openedLevels(game.depth) ? [0, 1, 7] : [0];
  return nodes.flatMap((node, index) => lanes.map((lane): Move => ({ kind: 'choose', choice: { index, lane, node, siblings: tree.siblings(index) } })));
}
