import { MerkleTree, ZERO_ROOT, type Root } from '#core/hashing';
import { encodeDescriptor } from '#core/numerics';
import type { Claim } from '#core/protocol';
import type { TraceReader } from '#core/trace';
import { openedLevels, STATES_PER_WORD, strideOf } from './fanout.js';
import { PHASE, type FaultName, type Game } from './game.js';
import { KnownTrace } from './knowledge.js';
import { chunkWord, layoutOf } from './layout.js';
import { modelOf, type Action, type Choice, type Move, type Proof, type Reveal } from './moves.js';
import { operandOpenings, outputOpenings, type Sources, type StepFrom } from './openings.js';
import { revealedSteps, stateAt, statesSiblings } from './states.js';

/** A game as a challenger sees it on its turn. */
export interface Challenge {
  readonly game: Game;
  readonly claim: Claim;
  /** The challenger's own run of the job. */
  readonly trace: TraceReader;
  /** Every reveal of the game so far, oldest first. */
  readonly reveals: readonly Reveal[];
}

/** Points at the first thing that differs from the own run; proves as soon as that can be proven. */
export function accuse(challenge: Challenge): Action {
  const nodes = challenge.reveals.at(-1)?.nodes;
  if (!nodes) return agreed('the last reveal is not known');
  switch (challenge.game.phase) {
    case PHASE.trace:
      return accuseTrace(challenge, nodes);
    case PHASE.tensor:
      return accuseTensor(challenge, nodes);
    case PHASE.steps:
      return accuseSteps(challenge, nodes);
    default:
      return agreed(`phase ${challenge.game.phase} asks nothing of the challenger`);
  }
}

function accuseTrace(challenge: Challenge, nodes: readonly Root[]): Action {
  const { game, trace } = challenge;
  const index = firstDifferent(game, trace.traceTree(), nodes);
  if (index < 0) return agreed('the executor’s trace is the same as the own');
  const choice = nodeChoice(nodes, index);
  if (!isBottom(game)) return { kind: 'choose', choice };
  const leaf = Number(game.position) * nodes.length + index;
  if (leaf < game.valueCount - 1) return { kind: 'choose', choice };
  if (leaf >= game.valueCount) return prove(challenge, 'tracePadding', { last: choice });
  return prove(challenge, 'outputs', { ...descriptorOf(trace, leaf), outputs: outputOpenings(sourcesOf(challenge)) });
}

function accuseTensor(challenge: Challenge, nodes: readonly Root[]): Action {
  const { game, trace } = challenge;
  const value = game.valueIndex;
  if (game.header !== trace.header(value)) return prove(challenge, 'header', descriptorOf(trace, value));
  const index = firstDifferent(game, trace.valueTree(value), nodes);
  if (index < 0) return agreed('the executor’s tensor is the same as the own');
  if (!isBottom(game)) return { kind: 'choose', choice: nodeChoice(nodes, index) };
  return accuseElement(challenge, nodes, index);
}

function accuseElement(challenge: Challenge, nodes: readonly Root[], index: number): Action {
  const { game, trace } = challenge;
  const chunk = Number(game.position) * nodes.length + index;
  const { elements, lanes, size } = layoutOf(game.header);
  const own = trace.valueTree(game.valueIndex).node(0, chunk);
  const lane = Array.from({ length: lanes }, (_, i) => i).findIndex((i) => chunkWord(own, i, size) !== chunkWord(nodes[index]!, i, size));
  const choice = { ...nodeChoice(nodes, index), lane };
  const element = chunk * lanes + lane;
  if (BigInt(element) >= elements) return prove(challenge, 'tensorPadding', { last: choice });
  if (trace.stepCount(game.valueIndex) > 1n) return { kind: 'choose', choice };
  return prove(challenge, 'step', { ...stepEvidence(challenge, { element, step: 0, state: 0n }), last: choice });
}

function accuseSteps(challenge: Challenge, words: readonly Root[]): Action {
  const { game, trace } = challenge;
  if (game.stepCount !== trace.stepCount(game.valueIndex)) return prove(challenge, 'stepCount', descriptorOf(trace, game.valueIndex));
  const own = trace.statesOf(game.valueIndex, Number(game.element));
  const steps = revealedSteps(game.lowStep, game.highStep);
  const index = steps.findIndex((step, i) => own[Number(step) - 1] !== stateAt(words, i));
  if (index < 0) return agreed('the executor’s states are the same as the own');
  const last = stateChoice(words, index);
  const before = index % STATES_PER_WORD > 0 || index === 0 ? NO_CHOICE : stateChoice(words, index - 1);
  if (strideOf(game.highStep - game.lowStep) > 1n) return { kind: 'chooseSegment', before, last };
  const step = Number(game.lowStep) + index;
  const at = { element: Number(game.element), step, state: step === 0 ? 0n : own[step - 1]! };
  return prove(challenge, 'step', { ...stepEvidence(challenge, at), last, before });
}

function isBottom(game: Game): boolean {
  return game.depth === openedLevels(game.depth);
}

function firstDifferent(game: Game, own: MerkleTree, nodes: readonly Root[]): number {
  const mine = own.descendants(game.depth, Number(game.position), openedLevels(game.depth));
  return nodes.findIndex((node, i) => node !== mine[i]);
}

function nodeChoice(nodes: readonly Root[], index: number): Choice {
  return { index, lane: 0, node: nodes[index]!, siblings: MerkleTree.of(nodes).siblings(index) };
}

function stateChoice(words: readonly Root[], index: number): Choice {
  const at = Math.floor(index / STATES_PER_WORD);
  return { index, lane: 0, node: words[at]!, siblings: statesSiblings(words, at) };
}

const NO_CHOICE: Choice = { index: 0, lane: 0, node: ZERO_ROOT, siblings: [] };

function sourcesOf({ trace, reveals }: Challenge): Sources {
  return { trace, known: new KnownTrace(trace.traceTree(), reveals) };
}

function descriptorOf(trace: TraceReader, value: number): Pick<Proof, 'descriptor' | 'descriptorSiblings'> {
  return { descriptor: encodeDescriptor(trace.model.descriptors[value]!), descriptorSiblings: trace.graphTree().siblings(value) };
}

function stepEvidence(challenge: Challenge, at: StepFrom): Partial<Proof> {
  const value = challenge.game.valueIndex;
  return { ...descriptorOf(challenge.trace, value), openings: operandOpenings(sourcesOf(challenge), value, at) };
}

function prove({ claim, trace }: Challenge, fault: FaultName, evidence: Partial<Proof>): Move {
  const nothing = { descriptor: '0x', descriptorSiblings: [], last: NO_CHOICE, before: NO_CHOICE, openings: [], outputs: [] } as const;
  return { kind: 'prove', fault, proof: { claim, model: modelOf(trace.model), ...nothing, ...evidence } };
}

function agreed(reason: string): Action {
  return { kind: 'concede', reason };
}
