import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { concatHex, numberToHex, recoverAddress, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { expect, it } from 'vitest';
import { isCanonicalSignature, isSignedBy } from '#core/protocol';
import { digestSigner, hasNativeCurve, hasSigned } from './signatures.js';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const RUNS = { numRuns: 500, verbose: false };

const word = (bits: bigint): Hex => numberToHex(bits, { size: 32 });
const anyWord = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), fc.constantFrom(0n, 1n, ORDER - 1n, ORDER, ORDER + 1n, 2n ** 256n - 1n)).map(word);
const anyKey = fc.oneof(fc.bigInt({ min: 1n, max: ORDER - 1n }), fc.constantFrom(1n, ORDER - 1n)).map(word);
const anySigned = fc.record({ key: anyKey, digest: anyWord });

interface Parts {
  readonly r: Hex;
  readonly s: Hex;
  readonly v: Hex;
}
const partsOf = (signature: Hex): Parts => ({ r: `0x${signature.slice(2, 66)}`, s: `0x${signature.slice(66, 130)}`, v: `0x${signature.slice(130)}` });
const joined = ({ r, s, v }: Parts): Hex => concatHex([r, s, v]);
const twin = ({ r, s, v }: Parts): Hex => joined({ r, s: word(ORDER - BigInt(s)), v: v === '0x1b' ? '0x1c' : '0x1b' });

/** Everything somebody may try with a good signature. */
const attempts = ({ r, s, v }: Parts, noise: Hex): Hex[] => [
  joined({ r, s, v: v === '0x1b' ? '0x1c' : '0x1b' }),
  joined({ r, s, v: v === '0x1b' ? '0x00' : '0x01' }),
  joined({ r, s, v: '0x1d' }),
  joined({ r, s, v: '0x' }),
  joined({ r, s, v: '0x1b00' }),
  twin({ r, s, v }),
  joined({ r: s, s: r, v }),
  ...[0n, 1n, ORDER - 1n, ORDER, 2n ** 256n - 1n].flatMap((edge) => [joined({ r: word(edge), s, v }), joined({ r, s: word(edge), v })]),
  joined({ r: noise, s, v }),
  joined({ r, s: noise, v }),
  `0x${joined({ r, s, v }).slice(3)}`,
  'not hex at all' as Hex,
  '0x',
];

it('is native wherever the package brings a build', () => {
  const builds = join(dirname(createRequire(import.meta.url).resolve('secp256k1/package.json')), 'prebuilds', `${process.platform}-${process.arch}`);
  expect(hasNativeCurve).toBe(existsSync(builds));
});

// WHY below the order: beyond, which one digest in 2^128 is, the two reduce the digest before and after they derive the nonce.
it('signs the bytes that the reference signs, for any key and digest below the order', async () => {
  await fc.assert(
    fc.asyncProperty(anySigned, async ({ key, digest }) => {
      const [account, signer] = [privateKeyToAccount(key), digestSigner(key)];
      const signature = await signer.sign({ hash: digest });
      if (BigInt(digest) < ORDER) expect([signer.address, signature]).toEqual([account.address, await account.sign({ hash: digest })]);
      expect(await hasSigned(account.address, digest, signature)).toBe(true);
      expect(await hasSigned(account.address.toLowerCase() as Hex, digest, signature.toUpperCase().replace('X', 'x') as Hex)).toBe(true);
    }),
    RUNS,
  );
}, 120_000);

it('says of every signature what the reference says', async () => {
  let [believed, asked] = [0, 0];
  await fc.assert(
    fc.asyncProperty(anySigned, anyWord, async ({ key, digest }, noise) => {
      const signer = digestSigner(key);
      const parts = partsOf(await signer.sign({ hash: digest }));
      expect(await hasSigned(signer.address, noise, joined(parts))).toBe(await isSignedBy(signer.address, noise, joined(parts)));
      for (const signature of [joined(parts), ...attempts(parts, noise)]) {
        // WHY whoever it is: a signature that was changed is mostly somebody's, and both must say whose.
        const somebody = await recoverAddress({ hash: digest, signature }).catch(() => signer.address);
        const answer = await hasSigned(somebody, digest, signature);
        expect([signature, answer]).toEqual([signature, await isSignedBy(somebody, digest, signature)]);
        believed += Number(answer);
        asked++;
      }
    }),
    { ...RUNS, numRuns: 100 },
  );
  expect(asked).toBeGreaterThan(2_000);
  expect(believed).toBeGreaterThan(asked / 10);
}, 240_000);

it('believes nothing that the contracts would not look at, though it recovers', async () => {
  const account = privateKeyToAccount(`0x${'11'.repeat(32)}`);
  const hash = word(77n);
  const parts = partsOf(await account.sign({ hash }));
  for (const signature of [twin(parts), joined({ ...parts, v: parts.v === '0x1b' ? '0x00' : '0x01' })]) {
    expect(await recoverAddress({ hash, signature })).toBe(account.address);
    expect([isCanonicalSignature(signature), await isSignedBy(account.address, hash, signature), await hasSigned(account.address, hash, signature)]).toEqual([false, false, false]);
  }
});
