import { keccak256, numberToHex } from 'viem';
import { expect, it } from 'vitest';
import { drawOrder } from './index.js';

it('draws in an order that whoever serves the claims cannot choose', () => {
  const digests = Array.from({ length: 20 }, (_, i) => keccak256(numberToHex(i)));
  const served = [...digests].reverse();
  expect(drawOrder(served, (d) => d)).toEqual(drawOrder(digests, (d) => d));
  expect(drawOrder(digests, (d) => d)).toEqual([...digests].sort());
});
