import { concatHex, hexToBigInt, keccak256, numberToHex, sliceHex } from 'viem';
import { depthFor, ZERO_ROOT, type Root } from '#core/hashing';
import { STATES_PER_WORD, revealedCount, strideOf } from './fanout.js';

/** Packs states four to a word, big-endian, unused ones zero. */
export function packStates(states: readonly bigint[]): Root[] {
  const words = Math.ceil(states.length / STATES_PER_WORD);
  return Array.from({ length: words }, (_, w) => concatHex([0, 1, 2, 3].map((lane) => numberToHex(states[w * STATES_PER_WORD + lane] ?? 0n, { size: 8 }))));
}

/** State `index` of packed words. */
export function stateAt(words: readonly Root[], index: number): bigint {
  return laneOf(words[Math.floor(index / STATES_PER_WORD)]!, index % STATES_PER_WORD);
}

export function laneOf(word: Root, lane: number): bigint {
  return hexToBigInt(sliceHex(word, lane * 8, lane * 8 + 8));
}

/** Step counts after which the states of segment (low, high] are revealed: low + stride, low + 2·stride, …, always high. */
export function revealedSteps(low: bigint, high: bigint): bigint[] {
  const stride = strideOf(high - low);
  return Array.from({ length: revealedCount(high - low) }, (_, i) => {
    const step = low + stride * BigInt(i + 1);
    return step < high ? step : high;
  });
}

/** Root of the Keccak-256 Merkle tree over words of states, padded with zero words to a power of two; of one word, the word. */
export function statesRoot(words: readonly Root[]): Root {
  return levelsOf(words).at(-1)![0]!;
}

/** Siblings of word `index` up to the root, lowest first. */
export function statesSiblings(words: readonly Root[], index: number): Root[] {
  return levelsOf(words)
    .slice(0, -1)
    .map((level, height) => level[(index >> height) ^ 1]!);
}

export function statesRootFromSiblings(word: Root, index: number, siblings: readonly Root[]): Root {
  return siblings.reduce((node, sibling, height) => (((index >> height) & 1) === 0 ? pair(node, sibling) : pair(sibling, node)), word);
}

function levelsOf(words: readonly Root[]): Root[][] {
  const levels = [[...words, ...Array<Root>(2 ** depthFor(words.length) - words.length).fill(ZERO_ROOT)]];
  for (let level = levels[0]!; level.length > 1; levels.push(level)) {
    const below = level;
    level = Array.from({ length: below.length / 2 }, (_, i) => pair(below[2 * i]!, below[2 * i + 1]!));
  }
  return levels;
}

function pair(left: Root, right: Root): Root {
  return keccak256(concatHex([left, right]));
}
