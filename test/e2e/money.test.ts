import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWalletClient, http, type Address, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { afterAll, describe, expect, it } from 'vitest';
import type { Root, Tensor } from '#core/hashing';
import { claimDigest } from '#core/protocol';
import { connectChain, type Chain } from '#io/chain';
import { buildRequest, contestCharge, listCharges, resolveContest, signRequest, type ChargeView } from '#sdk';
import { PROJECT_ROOT } from '#testing';
import { eventually, pass, startWorld, type World } from './world.js';

const MODEL = readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'));
const DIGIT: Tensor = { dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(4 * 28 * 28) };
/** Half of it to contest, to demand and to answer: long enough for a busy machine, the chain's clock is moved on where nobody acts. */
const WINDOW = 240n;
/** A contract that has signed whatever it is asked about: returns 0x1626ba7e to every call. */
const WALLET: Hex = '0x600e8060093d393df3631626ba7e60e01b5f5260205ff3';
/** What the local network gives its submitter. */
const DEPOSIT = 1_000n * 10n ** 18n;
const TOKEN = 10n ** 18n;
const TEST_MS = 300_000;

const worlds: World[] = [];
afterAll(() => Promise.all(worlds.map((world) => world.end())), 60_000);

async function network(fault: string, more: { challengers?: number; environment?: Record<string, Record<string, string>> } = {}): Promise<{ submitter: Chain & { account: Address }; world: World }> {
  const world = await startWorld({ executors: 1, challengers: more.challengers ?? 0, rules: { batches: { challengeWindow: WINDOW } }, environment: { coordinator: { ASSAY_FAULT: fault }, ...more.environment } });
  worlds.push(world);
  const { urls, deployment, keys } = world.network;
  const submitter = await connectChain({ rpcUrl: urls.rpc, deployment, privateKey: keys.privateKey('submitter'), pollMs: 50 });
  await world.assay.register({ name: 'mnist', file: MODEL });
  return { submitter: { ...submitter, account: submitter.account! }, world };
}

const run = ({ assay }: World, jobs: number) => Promise.all(Array.from({ length: jobs }, () => assay.submit({ model: { name: 'mnist' }, inputs: [DIGIT] })));

async function charge(chain: Chain, account: Address): Promise<ChargeView> {
  await eventually('the account is charged', async () => (await listCharges(chain, account)).length > 0, 60_000);
  return (await listCharges(chain, account))[0]!;
}

const charged = async (chain: Chain & { account: Address }) => (await listCharges(chain, chain.account)).reduce((sum, one) => sum + one.amount, 0n);

const over = (chain: Chain, account: Address, state: string) => eventually(`the contest ends: ${state}`, async () => (await listCharges(chain, account))[0]?.contest?.state === state, 90_000);

// WHY at once: each mostly waits for its own chain's windows.
describe.concurrent('a contested charge', () => {
  it('stands if it was signed for, by key or by contract: the coordinator shows the jobs, or publishes the batch, by itself', async () => {
    const { submitter, world } = await network('none');
    await run(world, 3);
    const bond = await submitter.disputes.parameters().then((p) => p.bond);
    const { batchId } = await charge(submitter, submitter.account);
    await contestCharge(submitter, batchId, submitter.account);
    await over(submitter, submitter.account, 'owed');
    await eventually('the bond is lost, and nothing else', async () => (await submitter.vault.balanceOf(submitter.account)) === DEPOSIT - (await charged(submitter)) - bond, 30_000);

    const word = await submitter.batches.batch(batchId);
    await submitter.requests.request(batchId, word);
    await eventually('the batch is published', async () => (await submitter.requests.demandOf(batchId)).over, 60_000);
    const leaves = await submitter.requests.published(batchId);
    expect(leaves).toHaveLength(word.count);

    const tree = StandardMerkleTree.of(leaves.map(({ claim }) => [claimDigest(submitter.network, claim)]), ['bytes32']);
    const { claim } = leaves[0]!;
    await submitter.requests.requestInput(batchId, word, { claim, proof: tree.getProof(0) as Root[], parts: 1 });
    const digest = claimDigest(submitter.network, claim);
    await eventually('the input is published', async () => (await submitter.requests.inputDemandOf(batchId, digest)).over, 60_000);
    expect(await submitter.requests.publishedInput(batchId, digest)).toEqual([DIGIT]);
    expect(await submitter.requests.unanswered(batchId)).toBe(0n);

    const wallet = await contractWallet(world, submitter);
    const signed = { ...privateKeyToAccount(world.network.keys.privateKey('submitter')), address: wallet };
    const { modelId } = await world.assay.model({ name: 'mnist' });
    const request = await signRequest(signed, world.assay.network, buildRequest(signed, { modelId, inputs: [DIGIT], now: BigInt(Math.floor(Date.now() / 1000)) }));
    await world.assay.send(request, { inputs: [DIGIT] });
    await contestCharge(submitter, (await charge(submitter, wallet)).batchId, wallet);
    await over(submitter, wallet, 'owed');
  }, TEST_MS);

  it('is refunded out of the bond of a coordinator that overcharges', async () => {
    const { submitter, world } = await network('overcharge');
    const coordinator = world.network.keys.account('coordinator').address;
    const { bond } = await submitter.batches.coordinatorOf(coordinator);
    await run(world, 2);
    const { batchId, amount, index } = await charge(submitter, submitter.account);
    const id = await contestCharge(submitter, batchId, submitter.account);
    await eventually('the coordinator has shown what it could', async () => (await submitter.charges.contestOf(id)).shown > 0n, 60_000);
    const { deadline, shown } = await submitter.charges.contestOf(id);
    expect(shown).toBeLessThan(amount);
    await pass(world.network, deadline + 1n - (await submitter.now()));
    await resolveContest(submitter, id);
    expect((await listCharges(submitter, submitter.account)).find((one) => one.batchId === batchId && one.index === index)!.contest!.state).toBe('refunded');
    const unit = await submitter.batches.unit();
    expect(BigInt((await submitter.batches.coordinatorOf(coordinator)).bond)).toBe(BigInt(bond) - (2n * amount) / unit);
    await eventually('the whole charge is refunded, the bond back', async () => (await submitter.vault.balanceOf(submitter.account)) === DEPOSIT - (await charged(submitter)) + amount, 30_000);
  }, TEST_MS);
});

const SAMPLING = { 'challenger-1': { ASSAY_SAMPLE_ALL: 'true' } };

describe.concurrent('what is not served', () => {
  it.each(['withhold', 'withhold-inputs'])('is demanded on chain by a challenger; the coordinator (%s) loses its bond, and the job is refunded', async (fault) => {
    const { submitter, world } = await network(fault, { challengers: 1, environment: SAMPLING });
    const coordinator = world.network.keys.account('coordinator').address;
    const challenger = world.network.keys.account('challenger-1').address;
    // WHY one: in two batches, the second might be demanded too late, as the clock is moved on for the first.
    await run(world, 1);
    const { batchId } = await charge(submitter, submitter.account);
    await eventually('the data is demanded', async () => (await submitter.requests.unanswered(batchId)) > 0n, 120_000);
    await pass(world.network, WINDOW / 2n + 1n);
    await eventually('the batch is withheld', async () => submitter.requests.withheld(batchId), 120_000);
    expect((await submitter.batches.coordinatorOf(coordinator)).convictor).toBe(challenger);
    // Paid out after two epochs: once is enough.
    if (fault !== 'withhold') return;
    await pass(world.network, 2n * WINDOW);
    await eventually('all that was charged is refunded', async () => (await submitter.vault.balanceOf(submitter.account)) === DEPOSIT, 180_000);
    await eventually('the challenger has its bonds back, and a tenth of the coordinator’s', async () => (await submitter.vault.balanceOf(challenger)) === (100n + 1_000n) * TOKEN, 60_000);
  }, TEST_MS);

  it('is demanded input by input, read from the chain and checked: the lie in it is found', async () => {
    const { submitter, world } = await network('late-inputs', { challengers: 1, environment: { ...SAMPLING, 'executor-1': { ASSAY_FAULT: 'wrong-output' } } });
    const { claim } = (await run(world, 1))[0]!;
    const { batchId } = await charge(submitter, submitter.account);
    await eventually('its executor loses for it', async () => submitter.disputes.overturned(claimDigest(submitter.network, claim)), 180_000);
    expect(await submitter.requests.publishedInput(batchId, claimDigest(submitter.network, claim))).toEqual([DIGIT]);
  }, TEST_MS);
});

describe.concurrent('totals that say less than the claims', () => {
  it('are counted by a challenger: the coordinator loses its bond', async () => {
    const { submitter, world } = await network('understate', { challengers: 1, environment: SAMPLING });
    const coordinator = world.network.keys.account('coordinator').address;
    await world.assay.submit({ model: { name: 'mnist' }, inputs: [DIGIT], insuredValue: 20n * TOKEN });
    await eventually('it is convicted', async () => (await submitter.batches.coordinatorOf(coordinator)).convictor === world.network.keys.account('challenger-1').address, 120_000);
  }, TEST_MS);
});

async function contractWallet(world: World, chain: Chain): Promise<Address> {
  const key = world.network.keys.privateKey('deployer');
  const client = createWalletClient({ account: privateKeyToAccount(key), chain: chain.client.chain!, transport: http(world.network.urls.rpc) });
  const { contractAddress } = await chain.client.waitForTransactionReceipt({ hash: await client.sendTransaction({ data: WALLET }) });
  await chain.token.mint(chain.account!, 10n ** 18n);
  await chain.vault.deposit(contractAddress!, 10n ** 18n);
  return contractAddress!;
}
