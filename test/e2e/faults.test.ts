import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listRoot, tensorRoot, type Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { claimDigest } from '#core/protocol';
import { openSession } from '#io/inference';
import { listDisputes, type Answered } from '#sdk';
import { FAULTS, PROJECT_ROOT, seededRandom, type Fault } from '#testing';
import { eventually, startWorld, type World } from './world.js';

const MODEL = readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'));
/** Silence costs the whole clock; all else is played in a few seconds. */
const RULES = { disputes: { clock: 20, extension: 10 } };
const LIAR = 'executor-2';
const TEST_MS = 180_000;

/** A network of its own for each, two at a time: mostly they wait for clocks. */
async function within(setting: Parameters<typeof startWorld>[0], work: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld(setting);
  await work(world).finally(() => world.end());
}

const random = seededRandom(Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31));

function scribble(): Tensor {
  const pixels = Float32Array.from({ length: 28 * 28 }, () => (random.next() < 0.2 ? random.between(1, 256) : 0));
  return { dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(pixels.buffer) };
}

/** Asks until the executor answered; returns its first answer. */
async function answerBy(world: World, name: string): Promise<Answered> {
  const { modelId } = await world.assay.register({ name: 'mnist', file: MODEL });
  const address = world.network.keys.account(name).address.toLowerCase();
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all([scribble(), scribble()].map((input) => world.assay.submit({ model: modelId, inputs: [input] })));
    const found = answers.find((answer) => answer.executor.toLowerCase() === address);
    if (found) return found;
  }
  throw new Error(`${name} got no job (seed ${random.seed})`);
}

async function rootHere(inputs: readonly Tensor[]): Promise<string> {
  const session = await openSession(compileModel(MODEL));
  const outputs = await session.run(inputs);
  await session.close();
  return listRoot(outputs.map(tensorRoot));
}

describe('an executor that lies', () => {
  it.concurrent.each(FAULTS.map((fault) => [fault] as [Fault]))('%s: is caught, loses every dispute and pays; the submitter gets the right answer', (fault) => within({ faults: { [LIAR]: fault }, environment: { 'challenger-2': { ASSAY_SAMPLE_ALL: 'true' } }, rules: RULES }, async (world) => {
    const { assay, chain, network } = world;
    const accounts = { liar: network.keys.account(LIAR).address, honest: network.keys.account('executor-1').address, submitter: network.keys.account('submitter').address };
    const stakesBefore = { liar: await chain.vault.stakeOf(accounts.liar), honest: await chain.vault.stakeOf(accounts.honest) };
    const lie = await answerBy(world, LIAR);
    const expected = await rootHere(lie.inputs);
    expect(lie.claim.outputRoot).not.toBe(expected);

    const digest = claimDigest(assay.network, lie.claim);
    await eventually('the claim is overturned', () => chain.disputes.overturned(digest), 120_000);
    const disputes = (await listDisputes(chain)).filter((dispute) => dispute.claim === digest);
    expect(disputes.length).toBeGreaterThan(0);
    const decided = disputes.find((dispute) => dispute.settlement)!;
    expect(decided).toMatchObject({ state: 'executor lost', executor: accounts.liar, fault: fault === 'silent' ? 'silence' : expect.stringMatching(/step|outputs/) as string });
    expect(decided.settlement!.bounty).toBeGreaterThan(0n);
    if (fault !== 'silent') {
      expect(decided.finalStep!.expected.hex).not.toBe(decided.finalStep!.revealed.hex);
      expect(decided.transactions.at(-1)!.move).toBe('prove');
    }

    const stakes = { liar: await chain.vault.stakeOf(accounts.liar), honest: await chain.vault.stakeOf(accounts.honest) };
    expect(stakes.liar.amount).toBeLessThan(stakesBefore.liar.amount);
    expect(stakes.honest).toEqual(stakesBefore.honest);

    const again = await assay.until(lie.jobId, (job) => job.claim?.outputRoot === expected, 60_000);
    expect(again.claim!.executor.toLowerCase()).not.toBe(accounts.liar.toLowerCase());
  }), TEST_MS);
});

describe('a challenger that lies', () => {
  it.concurrent('loses its bond to the honest executor it accused', () => within({ executors: 1, challengers: 1, environment: { 'challenger-1': { ASSAY_LIE: 'true', ASSAY_SAMPLE_ALL: 'true' } }, rules: RULES }, async (world) => {
    const { assay, chain, network } = world;
    const [executor, challenger] = ['executor-1', 'challenger-1'].map((name) => network.keys.account(name).address) as [`0x${string}`, `0x${string}`];
    const stake = await chain.vault.stakeOf(executor);
    const balance = await chain.vault.balanceOf(challenger);
    const honest = await answerBy(world, 'executor-1');
    expect(honest.claim.outputRoot).toBe(await rootHere(honest.inputs));

    const digest = claimDigest(assay.network, honest.claim);
    const disputes = async () => (await listDisputes(chain)).filter((dispute) => dispute.claim === digest);
    await eventually('the dispute is settled', async () => (await disputes()).some((dispute) => dispute.settlement), 120_000);
    const [dispute] = await disputes();
    expect(dispute).toMatchObject({ state: 'challenger lost', executor, challenger });
    expect(dispute!.settlement!.slashed).toBe(0n);
    expect(await chain.disputes.overturned(digest)).toBe(false);
    expect(await chain.vault.stakeOf(executor)).toEqual(stake);
    expect(await chain.vault.balanceOf(challenger)).toBeLessThan(balance);
    expect(await chain.vault.balanceOf(executor)).toBeGreaterThan(0n);
  }), TEST_MS);
});
