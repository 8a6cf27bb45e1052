import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CANONICAL_NAN, f32Add, f32Canonical, f32Ceil, f32Div, f32Floor, f32Fma, f32FromI64, f32FromNumber, f32Max, f32Min, f32Mul, f32RoundEven, f32Sqrt, f32ToI32Even, f32ToNumber } from './float32.js';

// The rules themselves are held by Berkeley TestFloat: test/vectors.

const bits = fc.integer({ min: 0, max: 2 ** 32 - 1 });

/** The exact value of a finite float as a multiple of 2^-149. */
function exact(a: number): bigint {
  const exponent = (a >>> 23) & 0xff;
  const significand = BigInt(exponent === 0 ? a & 0x7fffff : (a & 0x7fffff) | 0x800000) << BigInt(Math.max(exponent, 1) - 1);
  return a >>> 31 === 1 ? -significand : significand;
}

describe('f32Fma', () => {
  test('rounds once where a product and a sum would round twice', () => {
    const a = f32FromNumber(1 + 2 ** -12);
    const c = f32FromNumber(-1 - 2 ** -11);
    expect(f32ToNumber(f32Fma(a, a, c))).toBe(2 ** -24);
    expect(f32ToNumber(f32Add(f32Mul(a, a), c))).toBe(0);
  });

  test('is nearest to the exact sum, over random operands', () => {
    fc.assert(
      fc.property(bits, bits, bits, (a, b, c) => {
        const result = f32Fma(a, b, c);
        fc.pre([a, b, c, result].every((x) => (x & 0x7f800000) !== 0x7f800000));
        // In units of 2^-298.
        const wanted = exact(a) * exact(b) + (exact(c) << 149n);
        const distance = (x: number): bigint => {
          const difference = wanted - (exact(x) << 149n);
          return difference < 0n ? -difference : difference;
        };
        const magnitude = result & 0x7fffffff;
        for (const neighbour of [result - 1, result + 1]) {
          if ((neighbour & 0x7fffffff) === 0 || magnitude === 0 || (neighbour & 0x7f800000) === 0x7f800000) continue;
          const [here, there] = [distance(result), distance(neighbour >>> 0)];
          expect(here < there || (here === there && result % 2 === 0)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('every NaN given back is the canonical one', () => {
  test.each([
    ['add', f32Add(0x7f800000, 0xff800000)],
    ['mul', f32Mul(0, 0x7f800000)],
    ['div', f32Div(0, 0x80000000)],
    ['sqrt', f32Sqrt(0xbf800000)],
    ['fma', f32Fma(0xffc12345, 0, 0)],
    ['max', f32Max(0x3f800000, 0x7f800001)],
    ['copy', f32Canonical(0xffffffff)],
  ])('%s', (_, result) => expect(result).toBe(CANONICAL_NAN));
});

test('zeros of unequal sign are ordered by max and min', () => {
  expect(f32Max(0x80000000, 0)).toBe(0);
  expect(f32Min(0, 0x80000000)).toBe(0x80000000);
});

test('rounding to integers keeps signs and breaks ties to even', () => {
  expect([2.5, 3.5, -0.5, -1.5].map((x) => f32ToNumber(f32RoundEven(f32FromNumber(x))))).toEqual([2, 4, -0, -2]);
  expect(f32ToNumber(f32Floor(f32FromNumber(-0.25)))).toBe(-1);
  expect(f32Ceil(f32FromNumber(-0.25))).toBe(0x80000000);
  expect(f32ToI32Even(f32FromNumber(1e10))).toBe(2 ** 31 - 1);
});

test('an int64 is rounded once', () => {
  // 2^24 + 1 is a tie at 2^60 scale; the last bit breaks it upwards.
  expect(f32ToNumber(f32FromI64((2n ** 24n + 1n) * 2n ** 36n + 1n))).toBe((2 ** 24 + 2) * 2 ** 36);
  expect(f32ToNumber(f32FromI64((2n ** 24n + 1n) * 2n ** 36n))).toBe(2 ** 60);
});
