import { readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTestClient, http, zeroAddress, type Address } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, expect, it } from 'vitest';
import type { Root, Tensor } from '#core/hashing';
import { canaryBond, canaryId, canaryLeaf, canaryTruth, claimDigest, SAMPLE_RATE_ONE, type Claim } from '#core/protocol';
import { canariesAbi, connectChain, type Chain } from '#io/chain';
import { PROJECT_ROOT } from '#testing';
import { eventually, pass, startWorld, type World } from './world.js';

const MODEL = readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'));
const UNIT = 10n ** 18n;
/** Each half is long enough for a slow machine to start a process in; the test moves the chain's clock over what is left. */
const WINDOW = 160n;
const WAIT_MS = 120_000;
const MONEY = { submitter: 50n * UNIT, sleeper: 150n * UNIT, seat: 100n * UNIT, bounty: 2n * UNIT, penalty: 5n * UNIT } as const;

let world: World | undefined;
let honest: Claim | undefined;
afterAll(() => world?.end(), 60_000);

const digit = (shade: number): Tensor => ({ dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(Float32Array.from({ length: 28 * 28 }, (_, i) => (i % 29 === 0 ? shade : 0)).buffer) });

/** An account of its own with ether and a balance in the vault. */
async function funded({ network }: World, money: bigint, key = generatePrivateKey()): Promise<Chain & { account: Address }> {
  const { urls, deployment } = network;
  const chain = await connectChain({ rpcUrl: urls.rpc, deployment, privateKey: key, pollMs: 50 });
  await createTestClient({ mode: 'anvil', transport: http(urls.rpc) }).setBalance({ address: chain.account!, value: 100n * UNIT });
  await chain.token.mint(chain.account!, money);
  await chain.vault.deposit(chain.account!, money);
  return { ...chain, account: chain.account! };
}

async function opened(chain: Chain) {
  const [log] = await chain.client.getContractEvents({ address: chain.deployment.canaries, abi: canariesAbi, eventName: 'CanaryOpened', fromBlock: 0n, strict: true });
  return log?.args;
}

it('a planted canary is found by an honest checker, missed by one that sleeps, and costs its executor nothing; its planter survives kill -9', async () => {
  const keys = { planter: generatePrivateKey(), submitter: generatePrivateKey() };
  world = await startWorld({
    ...{ executors: 1, challengers: 1, seats: true, rules: { batches: { challengeWindow: WINDOW, sampleRate: SAMPLE_RATE_ONE }, checks: { seats: 2 } } },
    environment: { 'executor-1': { ASSAY_CANARY_KEY: keys.planter, ASSAY_CANARY_SUBMITTER_KEY: keys.submitter, ASSAY_CANARY_INTERVAL: '1' } },
  });
  const { network, assay } = world;
  const executor = network.keys.account('executor-1').address;
  const checker = network.keys.account('challenger-1').address;
  const sleeper = await funded(world, MONEY.sleeper);
  await sleeper.vault.stake(MONEY.seat);
  await sleeper.checks.takeSeat();
  await eventually('both seats are taken', async () => (await sleeper.checks.seats()).taken === 2, WAIT_MS);
  await funded(world, MONEY.submitter, keys.submitter);
  await assay.register({ name: 'mnist', file: MODEL });
  const stake = (await sleeper.vault.stakeOf(executor)).amount;
  const { bountyBps } = await sleeper.disputes.parameters();
  expect(await sleeper.canaries.bondFor(executor)).toBe(canaryBond(stake, { sampleRate: SAMPLE_RATE_ONE, bountyBps, seats: 2, bounty: MONEY.bounty }));

  honest = (await assay.submit({ model: { name: 'mnist' }, inputs: [digit(0.25)] })).claim;
  await assay.submit({ model: { name: 'mnist' }, inputs: [digit(0.75)] });
  // Enough for one bond, and not for another once it has paid a bounty.
  const money = ((await sleeper.canaries.bondFor(executor)) * 110n) / 100n + UNIT;
  const planter = await funded(world, money, keys.planter);
  await eventually('a canary is planted', async () => (await planter.vault.balanceOf(planter.account)) < money, WAIT_MS);
  const log = () => readFileSync(network.folder.log('executor-1'), 'utf8');
  await eventually('its claim is signed like any other', () => [...log().matchAll(/"event":"claim.signed"/g)].length === 3, WAIT_MS);
  await eventually('it is in a batch', async () => {
    const all = await Promise.all(Array.from({ length: Number(await planter.batches.batchCount()) }, (_, i) => planter.batches.batch(BigInt(i + 1))));
    return all.reduce((sum, { count }) => sum + count, 0) === 3;
  }, WAIT_MS);
  const batchId = await planter.batches.batchCount();
  await eventually('the honest checker has committed', async () => (await planter.checks.roundOf(batchId, checker)).word !== `0x${'00'.repeat(32)}`, WAIT_MS);
  process.kill(network.processes.find(({ name }) => name === 'executor-1')!.current.pid, 'SIGKILL');

  await pass(world.network, WINDOW / 2n + 1n);
  await eventually('the planter opens it', async () => (await opened(planter)) !== undefined, WAIT_MS);
  const { id, finding } = (await opened(planter))!;
  expect(await planter.disputes.overturned(finding.claim as Root)).toBe(true);
  await eventually('the honest checker reveals what it ran', async () => (await planter.checks.roundOf(finding.batchId, checker)).entries > 0, WAIT_MS);

  await pass(world.network, WINDOW + 1n);
  await eventually('both checkers are measured', async () => (await planter.canaries.measured(id, checker)) && (await planter.canaries.measured(id, sleeper.account)), WAIT_MS);
  expect(await planter.canaries.detectionOf(checker)).toEqual({ drawn: 1, found: 1 });
  expect(await planter.canaries.detectionOf(sleeper.account)).toEqual({ drawn: 1, found: 0 });
  expect((await planter.vault.stakeOf(sleeper.account)).amount).toBe(MONEY.seat - MONEY.penalty);
  expect((await planter.vault.stakeOf(executor)).amount).toBe(stake);

  await pass(world.network, WINDOW + 1n);
  await eventually('the planter has its bond, less the bounty', async () => (await planter.vault.balanceOf(planter.account)) === money - MONEY.bounty, WAIT_MS);
  await eventually('no game about it is open, and nobody lost anything by it', async () => (await planter.vault.totals()).bonds === (await coordinatorBond(planter, network.keys.account('coordinator').address)), WAIT_MS);
  expect((await planter.vault.stakeOf(executor)).amount).toBe(stake);

  const { stdout } = await promisify(execFile)(process.execPath, [join(PROJECT_ROOT, 'dist/apps/cli/main.js'), 'challenger', 'detection', '--dir', network.folder.dir, '--json']);
  const { checkers } = JSON.parse(stdout) as { checkers: { checker: Address; drawn: number; found: number; rate: number }[] };
  expect(checkers.map(({ drawn, found, rate }) => [drawn, found, rate]).sort()).toEqual([[1, 0, 0], [1, 1, 1]]);
}, 600_000);

it('a planter that calls a true claim false loses bond and stake: a checker that ran it disputes the opening, and nobody is fined', async () => {
  const { network, assay } = world!;
  const [executor, submitter] = [privateKeyToAccount(network.keys.privateKey('executor-1')), privateKeyToAccount(network.keys.privateKey('submitter'))];
  const checker = network.keys.account('challenger-1').address;
  const liar = await funded(world!, 600n * UNIT);
  const bond = await liar.canaries.bondFor(executor.address);
  const inputs = [digit(0.25)];
  const request = await assay.sign({ model: { name: 'mnist' }, inputs });
  const garbage = (byte: string): Root => `0x${byte.repeat(32)}`;
  const secret = { jobId: request.jobId, executor: executor.address, falseRoot: honest!.outputRoot, trueRoot: garbage('aa'), traceRoot: garbage('bb'), salt: garbage('cc') };
  await liar.canaries.plant(canaryLeaf(secret), bond);
  const id = canaryId(liar.account, canaryLeaf(secret));
  // What is in a batch of the same second can't be opened.
  await pass(network, 1n);
  const { claim, receipt } = await (await assay.send(request, { inputs })).verified();
  const { id: batchId, proof } = receipt!.batch!;
  await eventually('the checker has committed', async () => (await liar.checks.roundOf(batchId, checker)).word !== garbage('00'), WAIT_MS);

  await pass(world!.network, WINDOW / 2n + 1n);
  const [submitterConsent, executorConsent] = await Promise.all([submitter, executor].map((account) => account.signMessage({ message: { raw: id } })));
  await liar.canaries.open(id, { secret, claim, request: request.message, submitterConsent: submitterConsent!, executorConsent: executorConsent!, batchId, batch: await liar.batches.batch(batchId), proof, finder: zeroAddress });
  await pass(world!.network, WINDOW / 2n + 1n);
  const disputed = () => liar.client.getContractEvents({ address: liar.deployment.canaries, abi: canariesAbi, eventName: 'CanaryDisputed', args: { id }, fromBlock: 0n });
  await eventually('the checker disputes the opening', async () => (await disputed()).length === 1, WAIT_MS);
  await pass(world!.network, 130n);
  const truth = claimDigest(liar.network, canaryTruth(claim, secret.trueRoot));
  await eventually('it wins', () => liar.disputes.overturned(truth), WAIT_MS);
  expect((await liar.vault.stakeOf(executor.address)).amount).toBe(0n);
  expect((await liar.vault.stakeOf(checker)).amount).toBe(MONEY.seat);

  await pass(world!.network, 2n * WINDOW);
  await liar.canaries.settle(id, (await liar.canaries.openedIn(batchId, { committedBlock: 0n }))[0]!.finding);
  expect(await liar.vault.balanceOf(liar.account)).toBe(600n * UNIT - bond);
}, 600_000);

async function coordinatorBond(chain: Chain, coordinator: Address): Promise<bigint> {
  return BigInt((await chain.batches.coordinatorOf(coordinator)).bond) * (await chain.batches.unit());
}
