import { keccak256, numberToHex } from 'viem';
import { expect, it } from 'vitest';
import { isDrawn, SAMPLE_RATE_ONE } from './index.js';

const beacon = keccak256('0x01');
const [anna, bela] = ['0x00000000000000000000000000000000000000a1', '0x00000000000000000000000000000000000000b1'] as const;
const draws = (who: typeof anna | typeof bela, rate: bigint, from = beacon) => Array.from({ length: 4_000 }, (_, i) => isDrawn(from, who, { index: BigInt(i), rate }));
const share = (drawn: readonly boolean[]) => drawn.filter(Boolean).length / drawn.length;

it('draws nobody at rate 0, everybody at rate 1, a tenth at a tenth', () => {
  expect(share(draws(anna, 0n))).toBe(0);
  expect(share(draws(anna, SAMPLE_RATE_ONE))).toBe(1);
  expect(Math.abs(share(draws(anna, SAMPLE_RATE_ONE / 10n)) - 0.1)).toBeLessThan(0.02);
});

it('draws each challenger and each batch anew, a higher rate only more', () => {
  const half = SAMPLE_RATE_ONE / 2n;
  expect(draws(anna, half)).not.toEqual(draws(bela, half));
  expect(draws(anna, half)).not.toEqual(draws(anna, half, keccak256(numberToHex(2))));
  const more = draws(anna, (half * 3n) / 2n);
  expect(draws(anna, half).every((drawn, i) => !drawn || more[i])).toBe(true);
});
