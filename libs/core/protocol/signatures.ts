import { isAddressEqual, recoverAddress, type Address, type Hex } from 'viem';
import type { Root } from '#core/hashing';

/** The order of secp256k1 (SEC 2, section 2.4.1), halved and rounded down. */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/**
 * Whether the contracts would look at it: 65 bytes r, s, v with v 27 or 28 and the smaller s (OpenZeppelin, ECDSA.tryRecover).
 * SAFETY: every signature has another form in which libraries take it and the contracts do not. Whoever believed one here could not show it there.
 */
export function isCanonicalSignature(signature: Hex): boolean {
  return /^0x[0-9a-f]{128}1[bc]$/i.test(signature) && BigInt(`0x${signature.slice(66, 130)}`) <= HALF_ORDER;
}

/** True if an ordinary account signed the digest, in the form that the contracts take. Never throws: a malformed signature is nobody's. */
export async function isSignedBy(signer: Address, digest: Root, signature: Hex): Promise<boolean> {
  if (!isCanonicalSignature(signature)) return false;
  try {
    return isAddressEqual(await recoverAddress({ hash: digest, signature }), signer);
  } catch {
    return false;
  }
}
