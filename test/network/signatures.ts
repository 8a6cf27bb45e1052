import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Signature {
  readonly r: bigint;
  readonly s: bigint;
  readonly recovery: number;
  recoverPublicKey(hash: string): unknown;
}
interface Curve {
  sign(hash: string, privateKey: string, options: object): Signature;
  getPublicKey(privateKey: string): Uint8Array;
  readonly Signature: { readonly prototype: Signature };
  readonly ProjectivePoint: { fromHex(key: Uint8Array): unknown };
}

const MOST = 10_000;

/**
 * What one signature says is computed once in this process, and not at all where the process itself signed: a third of a simulated
 * network's time went into recovering the same few keys. A signature that nobody here made is recovered as ever.
 */
export async function rememberSigners(): Promise<void> {
  // WHY not by its name: the library that signs and recovers for us has its own copy.
  const copy = createRequire(import.meta.resolve('viem')).resolve('@noble/curves/secp256k1');
  const { secp256k1 } = (await import(pathToFileURL(join(dirname(copy), 'esm/secp256k1.js')).href)) as { secp256k1: Curve };
  const { sign, Signature: { prototype } } = secp256k1;
  const { recoverPublicKey } = prototype;
  const known = new Map<string, unknown>();
  const points = new Map<string, unknown>();
  const remember = (signature: Signature, hash: string, point: unknown) => {
    if (known.size >= MOST) known.clear();
    known.set(nameOf(signature, hash), point);
    return point;
  };
  const pointOf = (privateKey: string) => points.get(privateKey) ?? points.set(privateKey, secp256k1.ProjectivePoint.fromHex(secp256k1.getPublicKey(privateKey))).get(privateKey);
  secp256k1.sign = (hash, privateKey, options) => {
    const signature = sign(hash, privateKey, options);
    remember(signature, hash, pointOf(privateKey));
    return signature;
  };
  prototype.recoverPublicKey = function (hash) {
    return known.get(nameOf(this, hash)) ?? remember(this, hash, recoverPublicKey.call(this, hash));
  };
}

function nameOf({ r, s, recovery }: Signature, hash: string): string {
  return `${hash}/${r}/${s}/${recovery}`;
}
