import { concatHex, hexToBigInt, numberToHex, sliceHex } from 'viem';
import type { Root } from '#core/hashing';
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
