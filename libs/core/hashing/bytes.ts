import { bytesToHex, hexToBytes, type Hex } from 'viem';

/** A SHA-256 Merkle root or keccak digest: 32 bytes as lower-case hex. */
export type Root = Hex;

export const ZERO_ROOT: Root = bytesToHex(new Uint8Array(32));

export function toRoot(bytes: Uint8Array): Root {
  if (bytes.length !== 32) throw new RangeError(`a root has 32 bytes, not ${bytes.length}`);
  return bytesToHex(bytes);
}

export function rootBytes(root: Root): Uint8Array {
  const bytes = hexToBytes(root);
  if (bytes.length !== 32) throw new RangeError(`a root has 32 bytes, not ${bytes.length}`);
  return bytes;
}
