import { sha256 } from 'viem';

const PAIR = 64;
const NODE = 32;

/** @chainsafe/hashtree's one function without native code: SHA-256 of every 64 bytes. scripts/build-sdk.mjs puts it in its place for pages. */
export function hashInto(input: Uint8Array, output: Uint8Array): void {
  for (let at = 0; at < input.length; at += PAIR) output.set(sha256(input.subarray(at, at + PAIR), 'bytes'), (at / PAIR) * NODE);
}
