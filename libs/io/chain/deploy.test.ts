import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPublicClient, createTestClient, http, numberToHex, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AssayError, claimDigest, jobIdOf, type Claim, type Request } from '#core/protocol';
import { startAnvil, type RunningAnvil } from '#testing';
import { batchesAbi, deployContracts, disputesAbi, LIVE_PARAMETERS, LOCAL_PARAMETERS, vaultAbi, type Deployment } from './index.js';

/** The first account of anvil's usual mnemonic. */
const KEY: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const COORDINATOR = '0x00000000000000000000000000000000000c0001';

const folder = mkdtempSync(join(tmpdir(), 'assay-deploy-'));
let anvil: RunningAnvil;
let deployment: Deployment;
let client: ReturnType<typeof createPublicClient>;

beforeAll(async () => {
  anvil = await startAnvil({ logFile: join(folder, 'anvil.log') });
  client = createPublicClient({ transport: http(anvil.rpcUrl) });
  deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: KEY, parameters: LOCAL_PARAMETERS, coordinators: [COORDINATOR] });
});

afterAll(async () => {
  await anvil?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('deploys contracts that know each other, with the parameters given', async () => {
  const read = { address: deployment.vault, abi: vaultAbi } as const;
  expect(await client.readContract({ ...read, functionName: 'BATCHES' })).toBe(deployment.batches);
  expect(await client.readContract({ ...read, functionName: 'DISPUTES' })).toBe(deployment.disputes);
  expect(await client.readContract({ ...read, functionName: 'token' })).toBe(deployment.token);
  expect(await client.readContract({ ...read, functionName: 'unbondingDelay' })).toBe(LOCAL_PARAMETERS.unbondingDelay);
  const disputes = { address: deployment.disputes, abi: disputesAbi } as const;
  expect(await client.readContract({ ...disputes, functionName: 'VAULT' })).toBe(deployment.vault);
  expect(await client.readContract({ ...disputes, functionName: 'STEP_VERIFIER' })).toBe(deployment.stepVerifier);
  expect(await client.readContract({ ...disputes, functionName: 'parameters' })).toEqual(LOCAL_PARAMETERS.disputes);
  const batches = { address: deployment.batches, abi: batchesAbi } as const;
  expect(await client.readContract({ ...batches, functionName: 'sampleRate' })).toBe(LOCAL_PARAMETERS.batches.sampleRate);
  expect(await client.readContract({ ...batches, functionName: 'isCoordinator', args: [COORDINATOR] })).toBe(true);
  expect(await client.readContract({ ...batches, functionName: 'authority' })).toBe(deployment.authority);
});

it('gives messages the digests that core gives them', async () => {
  const network = { chainId: deployment.chainId, disputes: deployment.disputes };
  const disputes = { address: deployment.disputes, abi: disputesAbi } as const;
  await fc.assert(
    fc.asyncProperty(requests, claims, async (request, claim) => {
      expect(await client.readContract({ ...disputes, functionName: 'jobId', args: [request] })).toBe(jobIdOf(network, request));
      expect(await client.readContract({ ...disputes, functionName: 'claimDigest', args: [claim] })).toBe(claimDigest(network, claim));
    }),
    { numRuns: 20 },
  );
});

it('keeps leaving stake in reach longer than window and dispute together', () => {
  for (const { unbondingDelay, batches, disputes } of [LOCAL_PARAMETERS, LIVE_PARAMETERS]) {
    // Two clocks, and an extension for each of 17 moves that a dispute of SqueezeNet's size takes.
    const longestDispute = BigInt(2 * disputes.clock + 17 * disputes.extension);
    const whole = batches.challengeWindow + longestDispute + BigInt(disputes.payoutDelay + disputes.pauseLimit);
    expect(unbondingDelay, 'unbonding delay').toBeGreaterThan(whole);
  }
});

it('leaves checkers time to look at what openings of canaries say, and asks no more for a miss than a demand for the data costs', () => {
  for (const { batches, canaries, disputes } of [LOCAL_PARAMETERS, LIVE_PARAMETERS]) {
    expect(canaries.trial).toBeGreaterThanOrEqual(batches.challengeWindow);
    expect(canaries.life).toBeGreaterThan(2n * batches.challengeWindow);
    expect(canaries.penalty).toBeLessThanOrEqual(disputes.bond);
  }
});

it('gives a player on a live chain more than 64 blocks and a move of ten minutes, so that a reorganisation costs it no game', () => {
  expect(LIVE_PARAMETERS.disputes.extension).toBeGreaterThan(64 * 12 + 600);
});

it('is refused on any chain but a local one without an admin of its own: the key that deploys keeps no power', async () => {
  const client = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
  const setChainId = (id: number) => client.request({ method: 'anvil_setChainId', params: [id] } as never);
  const options = { rpcUrl: anvil.rpcUrl, privateKey: KEY, parameters: LIVE_PARAMETERS };
  await setChainId(5);
  try {
    for (const admin of [undefined, privateKeyToAccount(KEY).address]) await expect(deployContracts({ ...options, ...(admin && { admin }) })).rejects.toMatchObject({ code: 'ADMIN_MISSING' });
  } finally {
    await setChainId(31_337);
  }
});

it('says what is missing', async () => {
  const failed = deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: KEY, parameters: LOCAL_PARAMETERS, artifacts: folder });
  await expect(failed).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  const unreachable = deployContracts({ rpcUrl: 'http://127.0.0.1:1', privateKey: KEY, parameters: LOCAL_PARAMETERS });
  await expect(unreachable).rejects.toBeInstanceOf(AssayError);
  await expect(unreachable).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
});

const word = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }).map((n) => numberToHex(n, { size: 32 }));
const address = fc.bigInt({ min: 0n, max: 2n ** 160n - 1n }).map((n) => numberToHex(n, { size: 20 }));
const uint = (bits: bigint) => fc.bigInt({ min: 0n, max: 2n ** bits - 1n });
const requests: fc.Arbitrary<Request> = fc.record({
  submitter: address,
  modelId: word,
  inputRoot: word,
  maxFee: uint(128n),
  insuredValue: uint(128n),
  deadline: uint(64n),
  nonce: uint(64n),
  verification: fc.nat(255),
  redundancy: fc.nat(255),
});
const claims: fc.Arbitrary<Claim> = fc.record({
  jobId: word,
  modelId: word,
  inputRoot: word,
  outputRoot: word,
  executor: address,
  coordinator: address,
  fee: uint(128n),
  insuredValue: uint(128n),
});
