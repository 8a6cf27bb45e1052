import { bytesToHex } from 'viem';
import { MerkleTree, ZERO_ROOT } from '#core/hashing';
import { encodeDescriptor } from '#core/numerics';
import { FAULTS, modelOf, openedLevels, PHASE, revealedCount, statesSiblings, strideOf, type Action, type Choice, type FaultName, type Position, type Proof } from '#core/dispute';
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
