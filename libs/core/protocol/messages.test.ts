import { expect, test } from 'vitest';
import { claimDigest, jobIdOf, type Claim, type NetworkId, type Request } from './index.js';

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
