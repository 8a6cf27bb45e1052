import { encodeAbiParameters, keccak256, type Address } from 'viem';
import type { Root } from '#core/hashing';

/** A share in parts of 2^32, as the contract states its sample rate. */
export const SAMPLE_RATE_ONE = 2n ** 32n;

/**
 * Whether a challenger is drawn to re-run job `index` of a batch: the top 32 bits of
 * keccak256(abi.encode(beacon, challenger, index)) are below the rate. Anyone can recompute it once the beacon is known.
 *
 * @param beacon prevrandao of the batch's beacon block
 * @param index position of the claim in the batch, from 0
 * @param rate 0n (nobody) … 2^32 (everybody)
 */
export function isDrawn(beacon: Root, challenger: Address, draw: { index: bigint; rate: bigint }): boolean {
  const digest = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'address' }, { type: 'uint256' }], [beacon, challenger, draw.index]));
  return BigInt(digest) >> 224n < draw.rate;
}
