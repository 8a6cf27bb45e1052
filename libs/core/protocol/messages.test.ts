import fc from 'fast-check';
import { bytesToHex, hashTypedData } from 'viem';
import { expect, test } from 'vitest';
import { claimDigest, claimTypedData, jobIdOf, requestTypedData, type Claim, type NetworkId, type Request } from './index.js';

const network: NetworkId = { chainId: 31337, disputes: '0x00000000000000000000000000000000000000d1' };
const root = (byte: string) => `0x${byte.repeat(32)}` as const;

const request: Request = {
  submitter: '0x00000000000000000000000000000000000000a1', modelId: root('11'), inputRoot: root('22'),
  maxFee: 5n, insuredValue: 100n, deadline: 1_800_000_000n, nonce: 7n, verification: 0, redundancy: 1,
};
const claim: Claim = {
  jobId: root('33'), modelId: root('11'), inputRoot: root('22'), outputRoot: root('44'),
  executor: '0x00000000000000000000000000000000000000e1', coordinator: '0x00000000000000000000000000000000000000c1', fee: 5n, insuredValue: 100n,
};

test('frozen: EIP-712 digests', () => {
  expect({ jobId: jobIdOf(network, request), claim: claimDigest(network, claim) }).toMatchSnapshot();
});

test('another network, another digest', () => {
  expect(jobIdOf({ ...network, chainId: 1 }, request)).not.toBe(jobIdOf(network, request));
  expect(claimDigest({ ...network, disputes: claim.executor }, claim)).not.toBe(claimDigest(network, claim));
});

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((data) => bytesToHex(data));
const uint = (bits: number) => fc.oneof(fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }), fc.constantFrom(0n, 2n ** BigInt(bits) - 1n));
const anyNetwork = fc.record({ chainId: fc.integer({ min: 1 }), disputes: bytes(20) });
const anyRequest: fc.Arbitrary<Request> = fc.record({
  ...{ submitter: bytes(20), modelId: bytes(32), inputRoot: bytes(32), maxFee: uint(128), insuredValue: uint(128), deadline: uint(64), nonce: uint(64) },
  ...{ verification: fc.integer({ min: 0, max: 255 }), redundancy: fc.integer({ min: 0, max: 255 }) },
});
const anyClaim: fc.Arbitrary<Claim> = fc.record({ jobId: bytes(32), modelId: bytes(32), inputRoot: bytes(32), outputRoot: bytes(32), executor: bytes(20), coordinator: bytes(20), fee: uint(128), insuredValue: uint(128) });

test('digests are what any EIP-712 wallet signs', () => {
  fc.assert(
    fc.property(anyNetwork, anyRequest, anyClaim, (on, asked, claimed) => {
      expect(jobIdOf(on, asked)).toBe(hashTypedData(requestTypedData(on, asked)));
      expect(claimDigest(on, claimed)).toBe(hashTypedData(claimTypedData(on, claimed)));
    }),
    { numRuns: 500 },
  );
}, 60_000);

test.each([
  ['a fee of too many bits', { fee: 2n ** 128n }],
  ['a fee below zero', { fee: -1n }],
  ['a fee that is text', { fee: '5' }],
  ['a root that is too short', { jobId: '0x11' }],
  ['an address that is a root', { executor: root('11') }],
])('no digest of %s', (_, wrong) => {
  expect(() => claimDigest(network, { ...claim, ...wrong } as Claim)).toThrow(RangeError);
});
