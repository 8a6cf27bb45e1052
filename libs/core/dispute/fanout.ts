/** Levels of a tree that one reveal opens at most. */
export const MAX_OPENED_LEVELS = 5;
/** States revealed at most in one move. */
export const MAX_STATES = 256;
/** States in one 32-byte word. */
export const STATES_PER_WORD = 4;

/** Levels a reveal opens with `depth` left: as few rounds as MAX_OPENED_LEVELS allows, balanced over them. */
export function openedLevels(depth: number): number {
  if (depth === 0) return 0;
  const rounds = Math.ceil(depth / MAX_OPENED_LEVELS);
  return Math.ceil(depth / rounds);
}

/** Micro-steps between revealed states of a segment of n: every one up to MAX_STATES, else about the square root, at least n/MAX_STATES. */
export function strideOf(n: bigint): bigint {
  const most = BigInt(MAX_STATES);
  if (n <= most) return 1n;
  const root = ceilSqrt(n);
  const least = (n + most - 1n) / most;
  return root > least ? root : least;
}

/** Number of states a segment of n micro-steps is revealed by. */
export function revealedCount(n: bigint): number {
  const stride = strideOf(n);
  return Number((n + stride - 1n) / stride);
}

/** Integer square root, rounded up (Newton's iteration from above). */
function ceilSqrt(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x * x === n ? x : x + 1n;
    x = next;
  }
}
