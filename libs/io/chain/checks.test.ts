import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { createTestClient, http, keccak256, numberToHex, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { checkPay, evidenceCommitment, evidenceHash, evidenceOrder, isDrawnForClaim } from '#core/protocol';
import { startAnvil, type RunningAnvil } from '#testing';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain } from './index.js';

/** Key of anvil's first own account. */
const KEY: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const WINDOW = 600;
const STAKE = LOCAL_PARAMETERS.checks.stake;
const digests = Array.from({ length: 24 }, (_, i) => keccak256(numberToHex(i)));

let anvil: RunningAnvil;
let chain: Chain;
beforeAll(async () => {
  anvil = await startAnvil({ logFile: join(mkdtempSync(join(tmpdir(), 'assay-checks-')), 'anvil.log') });
  const parameters = { ...LOCAL_PARAMETERS, unbondingDelay: 100_000n, batches: { ...LOCAL_PARAMETERS.batches, challengeWindow: BigInt(WINDOW) } };
  const deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: KEY, parameters, coordinators: [privateKeyToAccount(KEY).address] });
  chain = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, privateKey: KEY, pollMs: 50 });
  await chain.token.mint(chain.account!, STAKE);
  await chain.vault.deposit(chain.account!, STAKE);
  await chain.vault.stake(STAKE);
}, 120_000);
afterAll(() => anvil?.stop());

it('the contracts take the header, the draw, the commitment and the evidence as they are made here', async () => {
  const [account, tree] = [chain.account!, StandardMerkleTree.of(digests.map((digest) => [digest]), ['bytes32'])];
  expect(await chain.checks.seats()).toEqual({ there: 2, taken: 0, stakeNeeded: STAKE });
  await chain.checks.takeSeat();
  await chain.batches.commit({ root: tree.root as Root, count: digests.length, totals: [], charges: [] });
  const batch = await chain.batches.batch(1n);
  const client = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
  await client.mine({ blocks: 2 });
  const beacon = await chain.provenBeacon(1n);
  expect([await chain.beacon(1n), await chain.provenBeacon(1n)]).toEqual([beacon, beacon]);

  const rate = BigInt(batch.sampleRate);
  const drawn = digests.map((claim) => isDrawnForClaim(beacon, account, { claim, rate }));
  expect(await Promise.all(digests.map((claim) => chain.checks.isDrawn(beacon, account, { claim, rate })))).toEqual(drawn);
  const evidence = evidenceOrder(digests.filter((_, i) => drawn[i]).map((claim) => ({ claim, outputRoot: keccak256(claim), traceRoot: keccak256(keccak256(claim)) })));
  const salt = keccak256('0x5a17');
  await chain.checks.commit(1n, batch, evidenceCommitment({ batchId: 1n, checker: account, evidence, salt }));
  await client.increaseTime({ seconds: WINDOW / 2 + 1 });
  await client.mine({ blocks: 1 });
  const proofs = evidence.map(({ claim }) => tree.getProof([claim]) as Root[]);
  await chain.checks.reveal(1n, batch, { evidence, proofs, salt });
  expect(await chain.checks.roundOf(1n, account)).toEqual({ word: evidenceHash(evidence), entries: evidence.length, paid: false });
  expect(await chain.checks.revealed(1n, batch)).toEqual([{ checker: account, evidence }]);

  const { poolBps } = LOCAL_PARAMETERS.batches;
  const pay = checkPay({ charged: 10n ** 18n, entries: 3n, count: BigInt(batch.count) }, { poolBps, seats: 2, sampleRate: rate });
  expect(await chain.checks.payFor(batch, 10n ** 18n, 3n)).toBe(pay);
}, 120_000);
