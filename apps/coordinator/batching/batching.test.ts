import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { encodeFunctionData, type Address } from 'viem';
import { listRoot, tensorRoot, type Root } from '#core/hashing';
import { claimDigest, jobIdOf, type Claim } from '#core/protocol';
import { batchesAbi, connectChain, packCharge, packTotal, type Chain } from '#io/chain';
import { openStorage, type BatchRecord, type Storage } from '#io/storage';
import { createLogger } from '#platform';
import { PROJECT_ROOT, startRpcProxy } from '#testing';
import { Surroundings } from '../coordinator.fixture.js';
import { ChainFollower } from '../settlement/chain-follower.js';
import { batchLedger } from './batch-ledger.js';
import { batchTree, MAX_ACCOUNTS_PER_BATCH, planBatch, type Batchable } from './batch-plan.js';
import { Batcher, type BatchLedger } from './batcher.js';

/** A thousandth of a token: what lies below a millionth is not charged. */
const FEE = 10n ** 15n;
const hex = (value: number, bytes: number): `0x${string}` => `0x${value.toString(16).padStart(2 * bytes, '0')}`;
const amount = fc.bigInt({ min: 0n, max: 2n ** 64n });
const someClaim = fc.record({ digest: fc.nat(), executor: fc.nat(5), submitter: fc.nat(400), fee: amount, insuredValue: amount }).map(
  ({ digest, executor, submitter, fee, insuredValue }): Batchable => ({
    digest: hex(digest, 32),
    request: { submitter: hex(submitter, 20) },
    claim: { jobId: hex(0, 32), modelId: hex(0, 32), inputRoot: hex(0, 32), outputRoot: hex(0, 32), executor: hex(executor, 20), coordinator: hex(0, 20), fee, insuredValue },
  }),
);
const claims = fc.uniqueArray(someClaim, { selector: (claim) => claim.digest, minLength: 1, maxLength: 300 });

describe('a batch plan', () => {
  it('charges exactly what it promises, names each account once, and none for nothing', () => {
    fc.assert(
      fc.property(claims, (given) => {
        const plan = planBatch(given)!;
        const used = given.slice(0, plan.leaves.length);
        expect(plan.leaves).toEqual(used.map((claim) => claim.digest));
        const fees = used.reduce((sum, { claim }) => sum + claim.fee, 0n);
        expect(plan.totals.reduce((sum, total) => sum + total.fees, 0n)).toBe(fees);
        expect(plan.charges.reduce((sum, charge) => sum + charge.amount, 0n)).toBe(fees);
        expect(new Set(plan.totals.map((total) => total.executor)).size).toBe(plan.totals.length);
        expect(plan.totals.every((total) => total.fees > 0n || total.insuredValue > 0n)).toBe(true);
        expect(plan.charges.every((charge) => charge.amount > 0n)).toBe(true);
        expect(plan.totals.length + plan.charges.length).toBeLessThanOrEqual(MAX_ACCOUNTS_PER_BATCH);
      }),
    );
  });

  it('has a root that every leaf’s proof leads to', () => {
    fc.assert(
      fc.property(claims, (given) => {
        const { leaves, root } = planBatch(given)!;
        const tree = batchTree(leaves);
        expect(tree.root).toBe(root);
        const last = leaves.length - 1;
        expect(tree.verify([leaves[last]!], tree.getProof(last))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('of nothing is none', () => expect(planBatch([])).toBeUndefined());
});

describe('a batch whose process died', () => {
  let world: Surroundings;
  let storage: Storage;
  let chain: Chain;
  let ledger: BatchLedger;
  const log = createLogger({ name: 'batching', level: 'silent' });
  const now = () => Date.now();

  beforeAll(async () => {
    world = await Surroundings.start();
    storage = await openStorage({ database: { url: world.postgres.url }, migrations: join(PROJECT_ROOT, 'prisma/migrations'), artifacts: world.dir });
    const { modelId, profile } = world.model.manifest;
    await storage.models.register({ modelId, name: 'mnist', file: 'none', bytes: 1, signature: { inputs: [], outputs: [] }, profile, registeredAt: new Date() });
    chain = await world.chainAs(world.coordinatorParty);
    ledger = batchLedger(chain, async () => BigInt(world.deployment.deployedBlock));
  }, 120_000);

  afterAll(async () => {
    await storage?.close();
    await world?.stop();
  });

  /** An answered job in the store, with a claim as an executor signs it. */
  async function answered(executor = world.executorAddress(0).toLowerCase() as Address, insuredValue = 0n): Promise<Root> {
    const { request, signature, inputs } = await world.signed({ insuredValue });
    const jobId = jobIdOf(world.network, request);
    await storage.jobs.accept({ jobId, request, signature, fee: FEE, inputs, now: new Date() });
    await storage.jobs.lease(jobId, { executor, until: new Date(now() + 60_000), now: new Date() });
    const outputRoot = listRoot(inputs.map(tensorRoot));
    const claim: Claim = { jobId, modelId: request.modelId, inputRoot: request.inputRoot, outputRoot, executor, coordinator: chain.account!, fee: FEE, insuredValue };
    await storage.jobs.answer(jobId, { digest: claimDigest(world.network, claim), claim, signature, outputs: inputs, now: new Date() });
    return jobId;
  }

  /** Everything up to the point where the transaction would be made. */
  async function fixed() {
    const jobIds = [await answered(), await answered()];
    const plan = planBatch(await storage.batches.unbatched(100))!;
    return { jobIds, batch: await storage.batches.fix({ ...plan, now: new Date() }) };
  }

  async function untilLanded(jobId: Root): Promise<void> {
    const batcher = new Batcher({ batches: storage.batches, ledger, intervalMs: 100, maxClaims: 100, now, log });
    batcher.start();
    for (let i = 0; i < 200 && (await storage.jobs.byId(jobId))?.state !== 'challengeable'; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    await batcher.stop();
    expect((await storage.jobs.byId(jobId))?.state).toBe('challengeable');
  }

  it('before the transaction was made is posted by the next one', async () => {
    const { jobIds, batch } = await fixed();
    const before = await chain.batches.batchCount();
    await untilLanded(jobIds[0]!);
    expect(await chain.batches.batchCount()).toBe(before + 1n);
    expect((await chain.batches.batch(before + 1n)).root).toBe(batch.root);
  });

  it('after the transaction was mined is found on chain, and not posted again', async () => {
    const { jobIds, batch } = await fixed();
    await chain.batches.commit({ root: batch.root, count: batch.count, totals: batch.totals, charges: batch.charges });
    const after = await chain.batches.batchCount();
    await untilLanded(jobIds[1]!);
    expect(await chain.batches.batchCount()).toBe(after);
    expect((await storage.batches.bySeq(batch.seq))?.landing?.batchId).toBe(after);
  });

  it('while the transaction waits to be mined is left alone until it is', async () => {
    const { jobIds, batch } = await fixed();
    const before = await chain.batches.batchCount();
    const request = (method: string, params: unknown[]) => chain.client.request({ method, params } as never);
    await request('anvil_setIntervalMining', [0]);
    await request('evm_setAutomine', [false]);
    const sent = chain.batches.commit({ root: batch.root, count: batch.count, totals: batch.totals, charges: batch.charges });
    for (let under = false; !under; under = await ledger.numbers().then(({ mined, pending }) => pending > mined)) await new Promise((resolve) => setTimeout(resolve, 20));
    const batcher = new Batcher({ batches: storage.batches, ledger, intervalMs: 50, maxClaims: 100, now, log });
    batcher.start();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await storage.jobs.byId(jobIds[0]!))?.state).toBe('batched');
    await request('evm_setAutomine', [true]);
    await request('anvil_mine', []);
    await sent;
    await batcher.stop();
    await untilLanded(jobIds[0]!);
    expect(await chain.batches.batchCount()).toBe(before + 1n);
  });

  const request = (method: string, ...params: unknown[]) => chain.client.request({ method, params } as never);
  const batcher = () => new Batcher({ batches: storage.batches, ledger, intervalMs: 50, maxClaims: 100, now, log });
  const commit = (batch: BatchRecord, nonce: number) => chain.batches.commit({ root: batch.root, count: batch.count, totals: batch.totals, charges: batch.charges }, { nonce });
  const rootsOnChain = async () => Promise.all(Array.from({ length: Number(await chain.batches.batchCount()) }, async (_, i) => (await chain.batches.batch(BigInt(i + 1))).root));
  const timesOnChain = async (batch: BatchRecord) => (await rootsOnChain()).filter((root) => root === batch.root).length;

  it('with its transaction stuck in the pool is sent again under the same number, for more, and lands once', async () => {
    const { jobIds, batch } = await fixed();
    const { mined } = await ledger.numbers();
    await storage.batches.intend(batch.seq, mined);
    await request('evm_setAutomine', false);
    const unit = await chain.batches.unit();
    const data = encodeFunctionData({ abi: batchesAbi, functionName: 'commit', args: [batch.root, batch.count, batch.totals.map((total) => packTotal(total, unit)), batch.charges.map((charge) => packCharge(charge, unit))] });
    const { baseFeePerGas } = await chain.client.getBlock();
    const cheap = { maxFeePerGas: baseFeePerGas! * 3n, maxPriorityFeePerGas: baseFeePerGas! };
    await chain.client.sendRawTransaction({ serializedTransaction: await world.coordinatorParty.account.signTransaction({ type: 'eip1559', chainId: world.network.chainId, to: chain.batches.address, data, nonce: mined, gas: 5_000_000n, ...cheap }) });
    const running = batcher();
    running.start();
    await until(async () => ((await request('txpool_content')) as PoolContent).pending[chain.account!]?.[mined]?.maxFeePerGas !== `0x${cheap.maxFeePerGas.toString(16)}`);
    await request('evm_setAutomine', true);
    await request('anvil_mine');
    await until(async () => (await storage.jobs.byId(jobIds[0]!))?.state === 'challengeable');
    await running.stop();
    expect(await timesOnChain(batch)).toBe(1);
    expect((await ledger.numbers()).mined).toBe(mined + 1);
  }, 120_000);

  it('that is mined is not sent again because a node behind the same address does not have its block', async () => {
    const { jobIds, batch } = await fixed();
    const { mined } = await ledger.numbers();
    await storage.batches.intend(batch.seq, mined);
    await commit(batch, mined);
    const proxy = await startRpcProxy(world.anvil.rpcUrl, { hideLogs: true });
    const seen = await connectChain({ rpcUrl: proxy.rpcUrl, deployment: world.deployment, privateKey: world.coordinatorParty.privateKey, pollMs: 25 });
    // Blocks of before in which there are none of our batches, and all.
    const running = [async () => seen.blockNumber(), async () => BigInt(world.deployment.deployedBlock)].map((readUpTo) => new Batcher({ batches: storage.batches, ledger: batchLedger(seen, readUpTo), intervalMs: 50, maxClaims: 100, now, log }));
    for (const one of running) {
      one.start();
      const asked = proxy.calls.get('eth_getLogs') ?? 0;
      await until(async () => (proxy.calls.get('eth_getLogs') ?? 0) > asked + 5);
      await one.stop();
      expect(await storage.batches.bySeq(batch.seq)).toMatchObject({ state: 'fixed', nonce: mined });
    }
    await proxy.stop();
    await untilLanded(jobIds[0]!);
    expect(await timesOnChain(batch)).toBe(1);
  }, 120_000);

  it('and that the contract refuses is taken apart only after its number is used up', async () => {
    const { jobIds, batch } = await fixed();
    const { mined } = await ledger.numbers();
    await storage.batches.intend(batch.seq, mined);
    const asSubmitter = await world.chainAs(world.submitter);
    const deposit = await asSubmitter.vault.balanceOf(world.submitter.account.address);
    await asSubmitter.vault.withdraw(deposit);
    const running = batcher();
    running.start();
    await until(async () => (await storage.jobs.byId(jobIds[0]!))?.state === 'answered');
    expect((await ledger.numbers()).mined).toBe(mined + 1);
    await running.stop();
    await asSubmitter.vault.deposit(world.submitter.account.address, deposit);
    // What a node kept of the old transaction can no longer be mined.
    await expect(commit(batch, mined)).rejects.toMatchObject({ code: 'TRANSACTION_FAILED' });
    await untilLanded(jobIds[0]!);
  }, 120_000);

  it('of an executor without stake is taken apart; its jobs wait for another executor, the others land', async () => {
    const nobody = world.stranger.account.address.toLowerCase() as Address;
    const [forsaken, good] = [await answered(nobody, 10n ** 18n), await answered()];
    const running = batcher();
    running.start();
    await until(async () => (await storage.jobs.byId(forsaken))?.state === 'accepted' && (await storage.jobs.byId(good))?.state === 'challengeable');
    await running.stop();
    expect(await storage.jobs.byId(forsaken)).toMatchObject({ tried: [nobody], executor: undefined, claimDigest: undefined, fee: FEE });
    expect((await storage.jobs.waiting(10)).map(({ jobId }) => jobId)).toContain(forsaken);
    await storage.jobs.cancel(forsaken, new Date());
  }, 120_000);

  it('of which something is demanded and not shown is not final', async () => {
    const jobId = await answered();
    await untilLanded(jobId);
    let unanswered = 1n;
    const asked: bigint[] = [];
    const requests = { ...chain.requests, unanswered: async (batchId: bigint) => (asked.push(batchId), unanswered) };
    const follower = new ChainFollower({ chain: { ...chain, requests }, storage, now, log, onProblem: () => undefined });
    follower.start();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await until(async () => (await request('anvil_mine'), asked.length > 1));
    expect((await storage.jobs.byId(jobId))?.state).toBe('challengeable');
    unanswered = 0n;
    await request('anvil_mine');
    await until(async () => (await storage.jobs.byId(jobId))?.state === 'final');
    await follower.stop();
  }, 120_000);

  it('whose block a reorganisation took is undone, and lands again exactly once', async () => {
    const { jobIds, batch } = await fixed();
    const at = await chain.blockNumber();
    await storage.cursors.write('chain', at, { hash: (await chain.client.getBlock({ blockNumber: at })).hash });
    await untilLanded(jobIds[0]!);
    const follower = new ChainFollower({ chain, storage, now, log, onProblem: () => undefined });
    follower.start();
    const head = await chain.blockNumber();
    await until(async () => (await storage.cursors.read('chain'))!.block >= head);
    const before = (await storage.batches.bySeq(batch.seq))!;
    await request('anvil_reorg', Number(head - before.landing!.block) + 1, []);
    await until(async () => (await storage.jobs.byId(jobIds[0]!))?.state === 'batched');
    expect(await storage.batches.bySeq(batch.seq)).toMatchObject({ state: 'fixed', nonce: before.nonce });
    const running = batcher();
    running.start();
    await until(async () => (await storage.jobs.byId(jobIds[0]!))?.state === 'challengeable' || (await storage.jobs.byId(jobIds[0]!))?.state === 'final');
    await running.stop();
    await follower.stop();
    expect(await timesOnChain(batch)).toBe(1);
  }, 120_000);
});

interface PoolContent {
  readonly pending: Readonly<Record<string, Readonly<Record<number, { readonly maxFeePerGas: string }>>>>;
}

async function until(look: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_200; i++, await new Promise((resolve) => setTimeout(resolve, 50))) if (await look()) return;
  throw new Error('it did not come about');
}
