import { encodeAbiParameters, keccak256, type Address } from 'viem';
import type { Root } from '#core/hashing';

/** A share in parts of 2^32, as the contract states its sample rate. */
export const SAMPLE_RATE_ONE = 2n ** 32n;

/**
 * Whether a challenger is drawn to re-run job `index` of a batch: the top 32 bits of
 * keccak256(abi.encode(beacon, challenger, index)) are below the rate. Anyone can recompute it once the beacon is known.
 *
 * @param beacon prevrandao of the batch's beacon block
 * @param index position of the claim in the batch's draw order, from 0
 * @param rate 0n (nobody) … 2^32 (everybody)
 */
export function isDrawn(beacon: Root, challenger: Address, draw: { index: bigint; rate: bigint }): boolean {
  return BigInt(drawHash(beacon, challenger, draw.index)) >> 224n < draw.rate;
}

/** keccak256(abi.encode(beacon, challenger, index)): what decides a draw. */
export function drawHash(beacon: Root, challenger: Address, index: bigint): Root {
  return keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'address' }, { type: 'uint256' }], [beacon, challenger, index]));
}

/**
 * The claims of a batch in the order in which they are drawn: by ascending claim digest.
 * WHY: the batch's root does not fix an order (its tree sorts the leaves), and whoever serves the claims knows the beacon
 * by then; an order of their choice would let them keep a claim away from the challenger it falls to.
 */
export function drawOrder<T>(claims: readonly T[], digestOf: (claim: T) => Root): T[] {
  return claims.map((claim) => ({ claim, digest: digestOf(claim).toLowerCase() })).sort((a, b) => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0)).map(({ claim }) => claim);
}
