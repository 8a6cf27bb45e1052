/** Numbers that look random and are the same for the same seed (formula: mulberry32 by Tommy Ettinger). Tests print the seed they used. */
export interface Random {
  readonly seed: number;
  /** 0 ≤ x < 1. */
  next(): number;
  /** Whole number, from ≤ x < to. */
  between(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from));
  return {
    seed,
    next,
    between,
    pick: (items) => items[between(0, items.length)]!,
    bytes: (length) => Uint8Array.from({ length }, () => between(0, 256)),
  };
}
