import { createRequire } from 'node:module';
import { bytesToHex, hexToBytes, keccak256, type Address, type Hex } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { Root } from '#core/hashing';
import { isCanonicalSignature, isSignedBy } from '#core/protocol';

/** What of libsecp256k1 is used. Both throw for numbers that are none of the curve's. */
interface Curve {
  ecdsaRecover(signature: Uint8Array, recovery: number, digest: Uint8Array, compressed: boolean): Uint8Array;
  ecdsaSign(digest: Uint8Array, key: Uint8Array): { readonly signature: Uint8Array; readonly recid: number };
}

/** WHY not the package itself: where it has no build for a machine it takes another curve, slower than viem's and not made to keep keys. */
const curve = ((): Curve | undefined => {
  try {
    return createRequire(import.meta.url)('secp256k1/bindings') as Curve;
  } catch {
    return undefined;
  }
})();

/** Whether signatures are made and recovered by native code here, in a tenth of the time that viem takes; it is the same answer. */
export const hasNativeCurve = curve !== undefined;

/** isSignedBy for processes that ask it for every job. */
export async function hasSigned(signer: Address, digest: Root, signature: Hex): Promise<boolean> {
  if (!curve) return isSignedBy(signer, digest, signature);
  if (!isCanonicalSignature(signature)) return false;
  try {
    const bytes = hexToBytes(signature);
    const key = curve.ecdsaRecover(bytes.subarray(0, 64), bytes[64]! - 27, hexToBytes(digest), false);
    return `0x${keccak256(key.subarray(1)).slice(26)}` === signer.toLowerCase();
  } catch {
    return false;
  }
}

export type DigestSigner = Pick<PrivateKeyAccount, 'address' | 'sign'>;

/** An account for signing a digest with every job; the same bytes as viem's (RFC 6979, the smaller s). */
export function digestSigner(privateKey: Hex): DigestSigner {
  const account = privateKeyToAccount(privateKey);
  if (!curve) return account;
  const [{ ecdsaSign }, key] = [curve, hexToBytes(privateKey)];
  const sign = async ({ hash }: { hash: Hex }): Promise<Hex> => {
    const { signature, recid } = ecdsaSign(hexToBytes(hash), key);
    return `${bytesToHex(signature)}${recid === 0 ? '1b' : '1c'}`;
  };
  return { address: account.address, sign };
}
