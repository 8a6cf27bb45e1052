import { bytesToHex } from 'viem';
import { DTYPES, elementCount, MerkleTree, ZERO_ROOT } from '#core/hashing';
import { encodeDescriptor } from '#core/numerics';
import { FAULTS, KnownTrace, modelOf, openedLevels, operandOpenings, outputOpenings, PHASE, revealedCount, stateBefore, statesSiblings, strideOf, type Action, type Choice, type FaultName, type Move, type Opening, type Position, type Proof, type Sources } from '#core/dispute';
import type { Random } from '#testing';

export type RandomMoves = (random: Random, position: Position) => Action;

const NOTHING: Choice = { index: 0, lane: 0, node: ZERO_ROOT, siblings: [] };

/** A random choice among what was revealed; where nothing is left to choose, or now and then before, a random accusation. */
export const chosenMove: RandomMoves = (random, position) => {
  const { game, reveals } = position;
  const nodes = reveals.at(-1)!.nodes;
  if (random.next() < 0.05) return accusation(random, position);
  if (game.phase === PHASE.steps) return segment(random, position);
  const bottom = game.depth === openedLevels(game.depth);
  const leaves = game.phase === PHASE.trace && bottom ? game.valueCount - 1 - Number(game.position) * nodes.length : nodes.length;
  if (leaves <= 0) return accusation(random, position);
  const index = random.between(0, Math.min(nodes.length, leaves));
  const lane = game.phase === PHASE.tensor && bottom ? random.between(0, 4) : 0;
  return { kind: 'choose', choice: { index, lane, node: nodes[index]!, siblings: MerkleTree.of(nodes).siblings(index) } };
};

function segment(random: Random, position: Position): Action {
  const { game, reveals } = position;
  const steps = game.highStep - game.lowStep;
  if (strideOf(steps) === 1n) return accusation(random, position);
  const index = random.between(0, revealedCount(steps));
  const words = reveals.at(-1)!.nodes;
  return { kind: 'chooseSegment', before: index === 0 ? NOTHING : state(words, index - 1), last: state(words, index) };
}

function state(words: readonly `0x${string}`[], index: number): Choice {
  const at = Math.floor(index / 4);
  return { index, lane: 0, node: words[at]!, siblings: statesSiblings(words, at) };
}

/** A well-formed accusation of something that is not there. */
export function accusation(random: Random, { game, claim, trace, reveals }: Position): Action {
  const nodes = reveals.at(-1)!.nodes;
  const index = random.between(0, nodes.length);
  const last = game.phase === PHASE.steps ? state(nodes, random.between(0, nodes.length * 4)) : { index, lane: random.between(0, 4), node: nodes[index]!, siblings: MerkleTree.of(nodes).siblings(index) };
  const value = game.phase === PHASE.trace ? game.valueCount - 1 : game.valueIndex;
  const proof: Proof = {
    claim,
    model: modelOf(trace.model),
    descriptor: encodeDescriptor(trace.model.descriptors[value]!),
    descriptorSiblings: trace.graphTree().siblings(value),
    last,
    before: game.phase === PHASE.steps && last.index > 0 ? state(nodes, last.index - 1) : NOTHING,
    openings: Array.from({ length: random.between(0, 3) }, () => ({ chunk: bytesToHex(random.bytes(32)), listLength: 1, siblings: [] })),
    outputs: [],
  };
  return { kind: 'prove', fault: random.pick(Object.keys(FAULTS) as FaultName[]), proof };
}

/** Every accusation at a position: each fault, of each node or state revealed, with the evidence of the own trace. */
export function accusationsOf(position: Position): Move[] {
  const { game, reveals } = position;
  const nodes = reveals.at(-1)!.nodes;
  const tree = MerkleTree.of(nodes);
  const lasts =
    game.phase === PHASE.steps
      ? Array.from({ length: revealedCount(game.highStep - game.lowStep) }, (_, i) => state(nodes, i))
      : nodes.flatMap((node, index) => [0, 7].map((lane) => ({ index, lane, node, siblings: tree.siblings(index) })));
  return (Object.keys(FAULTS) as FaultName[]).flatMap((fault) => lasts.map((last) => ({ kind: 'prove' as const, fault, proof: evidence(position, fault, last) })));
}

function evidence(position: Position, fault: FaultName, last: Choice): Proof {
  const { game, claim, trace, reveals } = position;
  const value = game.phase === PHASE.trace ? game.valueCount - 1 : game.valueIndex;
  const sources = { trace, known: new KnownTrace(trace.traceTree(), reveals) };
  const before = game.phase === PHASE.steps && last.index > 0 ? state(reveals.at(-1)!.nodes, last.index - 1) : NOTHING;
  return {
    claim,
    model: modelOf(trace.model),
    descriptor: encodeDescriptor(trace.model.descriptors[value]!),
    descriptorSiblings: trace.graphTree().siblings(value),
    last,
    before,
    openings: fault === 'step' && game.phase !== PHASE.trace ? stepOpenings(sources, position, { before, last }) : [],
    outputs: fault === 'outputs' ? outputOpenings(sources) : [],
  };
}

/** Of an element that the tensor does not have there is nothing to open. */
function stepOpenings(sources: Sources, { game, trace, reveals }: Position, { before, last }: { before: Choice; last: Choice }): Opening[] {
  const { dtype, dims } = trace.model.descriptors[game.valueIndex]!.output;
  if (game.phase === PHASE.steps) return operandOpenings(sources, game.valueIndex, { element: Number(game.element), step: Number(game.lowStep) + last.index, state: stateBefore(game, before, last) });
  const lanes = 32 / DTYPES[dtype].size;
  const element = (Number(game.position) * reveals.at(-1)!.nodes.length + last.index) * lanes + last.lane;
  return element < elementCount(dims) ? operandOpenings(sources, game.valueIndex, { element, step: 0, state: 0n }) : [];
}
