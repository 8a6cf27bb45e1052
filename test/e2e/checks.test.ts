import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Address } from 'viem';
import { afterAll, describe, expect, it } from 'vitest';
import { ZERO_ROOT, type Root, type Tensor } from '#core/hashing';
import { gameIdOf } from '#core/dispute';
import { compileModel, modelPreimage } from '#core/onnx';
import { claimDigest, evidenceClaim, SAMPLE_RATE_ONE, type Claim } from '#core/protocol';
import { chargedIn, connectChain, type BatchWord, type Chain } from '#io/chain';
import { PROJECT_ROOT, type NetworkOptions } from '#testing';
import { eventually, pass, startWorld, type World } from './world.js';

const MODEL = readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'));
const DIGIT: Tensor = { dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(4 * 28 * 28) };
/** Each half is long enough for a slow machine to start a process in; the test moves the chain's clock over what is left. */
const WINDOW = 400n;
const UNIT = 10n ** 18n;
const TEST_MS = 480_000;
const WAIT_MS = 120_000;

const worlds: World[] = [];
afterAll(() => Promise.all(worlds.map((world) => world.end())), 60_000);

interface Batch {
  readonly id: bigint;
  readonly word: BatchWord;
}

/** A network whose challengers all have seats and are drawn for everything. */
class Scene {
  private constructor(
    readonly world: World,
    readonly chain: Chain,
  ) {}

  static async start(options: Omit<NetworkOptions, 'dir'> & { readonly challengers: number }): Promise<Scene> {
    const rules = { unbondingDelay: 7_200n, batches: { challengeWindow: WINDOW, sampleRate: SAMPLE_RATE_ONE }, checks: { seats: options.challengers } };
    const world = await startWorld({ executors: 1, seats: true, rules, ...options });
    worlds.push(world);
    const { urls, deployment, keys } = world.network;
    const scene = new Scene(world, await connectChain({ rpcUrl: urls.rpc, deployment, privateKey: keys.privateKey('submitter'), pollMs: 50 }));
    await world.assay.register({ name: 'mnist', file: MODEL });
    for (let n = 1; n <= options.challengers; n++) await eventually(`challenger-${n} has a seat`, async () => (await scene.chain.checks.seatedAt(scene.address(n))) > 0n, WAIT_MS);
    return scene;
  }

  address(n: number): Address {
    return this.world.network.keys.account(`challenger-${n}`).address;
  }

  balance(n: number): Promise<bigint> {
    return this.chain.vault.balanceOf(this.address(n));
  }

  stake(n: number): Promise<bigint> {
    return this.chain.vault.stakeOf(this.address(n)).then(({ amount }) => amount);
  }

  /** Runs jobs; their claims and the batches they are in. */
  async run(jobs: number): Promise<{ readonly claims: readonly Claim[]; readonly batches: readonly Batch[] }> {
    const answers = await Promise.all(Array.from({ length: jobs }, () => this.world.assay.submit({ model: { name: 'mnist' }, inputs: [DIGIT] })));
    const batches = async () => Promise.all(Array.from({ length: Number(await this.chain.batches.batchCount()) }, async (_, i) => ({ id: BigInt(i + 1), word: await this.chain.batches.batch(BigInt(i + 1)) })));
    await eventually('the jobs are in batches', async () => (await batches()).reduce((sum, { word }) => sum + word.count, 0) === jobs, WAIT_MS);
    return { claims: answers.map(({ claim }) => claim), batches: await batches() };
  }

  async each(what: string, n: number, batches: readonly Batch[], holds: (round: { word: Root; entries: number; paid: boolean }, batch: Batch) => boolean): Promise<void> {
    for (const batch of batches) await eventually(`challenger-${n} ${what} batch ${batch.id}`, async () => holds(await this.chain.checks.roundOf(batch.id, this.address(n)), batch), WAIT_MS);
  }

  /** Moves the chain's clock to some seconds after the last of the batches. */
  async until(batches: readonly Batch[], seconds: bigint): Promise<void> {
    const last = batches.reduce((most, { word }) => (word.committedAt > most ? word.committedAt : most), 0n);
    await pass(this.world.network, last + seconds - (await this.chain.now()));
  }

  /** What one checker of every claim is paid, as the contract says. */
  async payFor(batches: readonly Batch[]): Promise<bigint> {
    const unit = await this.chain.batches.unit();
    const pays = await Promise.all(batches.map(async ({ id, word }) => this.chain.checks.payFor(word, chargedIn(await this.chain.batches.chargesOf(id)) * unit, BigInt(word.count))));
    return pays.reduce((sum, pay) => sum + pay, 0n);
  }

  log(n: number): string {
    return readFileSync(this.world.network.folder.log(`challenger-${n}`), 'utf8');
  }
}

const committed = ({ word }: { word: Root }) => word !== ZERO_ROOT;
const revealed = ({ entries }: { entries: number }, { word }: Batch) => entries === word.count;

// WHY at once: each mostly waits for processes and blocks.
describe.concurrent('paid checks', () => {
  it('pay each checker what the contract says although nobody cheats, also one that was killed between commit and reveal; accused falsely, it wins', async () => {
    const scene = await Scene.start({ challengers: 2 });
    const { chain, world } = scene;
    const before = await Promise.all([scene.balance(1), scene.balance(2)]);
    const { batches, claims } = await scene.run(3);
    for (const n of [1, 2]) await scene.each('committed to', n, batches, committed);
    process.kill(world.network.processes.find(({ name }) => name === 'challenger-1')!.current.pid, 'SIGKILL');
    await scene.until(batches, WINDOW / 2n + 1n);
    for (const n of [1, 2]) await scene.each('revealed', n, batches, revealed);

    await scene.until(batches, WINDOW + 1n);
    const pay = await scene.payFor(batches);
    expect(pay).toBeGreaterThan(0n);
    for (const n of [1, 2]) await eventually(`challenger-${n} is paid`, async () => (await scene.balance(n)) === before[n - 1]! + pay, WAIT_MS);
    for (const n of [1, 2]) await eventually('nothing is left to do', () => readdirSync(world.network.folder.path(`challenger-${n}`, 'rounds')).length === 0, WAIT_MS);

    const [shown] = (await chain.checks.revealed(batches[0]!.id, batches[0]!.word)).filter(({ checker }) => checker === scene.address(1));
    const claim = claims.find((one) => claimDigest(chain.network, one) === shown!.evidence[0]!.claim)!;
    await chain.checks.accuse(batches[0]!.id, { ...shown!, index: 0, claim, model: modelPreimage(compileModel(MODEL).manifest) });
    const own = evidenceClaim(claim, { checker: scene.address(1), outputRoot: shown!.evidence[0]!.outputRoot });
    const gameId = gameIdOf(claimDigest(chain.network, own), chain.account!);
    await eventually('the checker opens its trace', async () => scene.log(1).includes(gameId) && scene.log(1).includes('"move":"revealTrace"'), WAIT_MS);
    await pass(scene.world.network, 130n);
    const { bond } = await chain.disputes.parameters();
    await eventually('it has the accuser’s bond', async () => (await scene.balance(1)) === before[0]! + pay + bond, WAIT_MS);
    expect(await scene.stake(1)).toBe(100n * UNIT);
  }, TEST_MS);

  it('cost a checker that makes its evidence up its stake, and pay nothing to one that copies', async () => {
    const [honest, lazy, copier] = [1, 2, 3] as const;
    const scene = await Scene.start({ challengers: 3, environment: { 'challenger-2': { ASSAY_FAULT: 'lazy' }, 'challenger-3': { ASSAY_FAULT: 'copier' } } });
    const before = await scene.balance(honest);
    const { batches } = await scene.run(2);
    for (const n of [honest, lazy, copier]) await scene.each('committed to', n, batches, committed);
    await scene.until(batches, WINDOW / 2n + 1n);
    for (const n of [honest, lazy]) await scene.each('revealed', n, batches, revealed);
    await eventually('the copy is refused', () => /NotCommitted/.test(scene.log(copier)), WAIT_MS);

    await scene.until(batches, WINDOW + 1n);
    const opened = () => scene.log(honest).match(/"event":"checker.accused"/g)?.length ?? 0;
    // WHY each: the clock moved on below ends only games that are open by then.
    await eventually('the lazy checker is accused of each batch', () => opened() === batches.length, WAIT_MS);
    await eventually('the honest checker is paid', () => /"event":"check.paid"/.test(scene.log(honest)), WAIT_MS);
    await pass(scene.world.network, 130n);
    await eventually('its stake is gone', async () => (await scene.stake(lazy)) === 0n, WAIT_MS);
    const { penalty, bountyBps } = await scene.chain.disputes.parameters();
    const won = async () => (await scene.balance(honest)) - before - (await scene.payFor(batches));
    await eventually('who accused it has its bonds back, and a bounty for the first', async () => (await won()) >= (penalty * BigInt(bountyBps)) / 10_000n, WAIT_MS);
    expect([await scene.balance(copier), await scene.stake(copier)]).toEqual([100n * UNIT, 100n * UNIT]);
    expect(scene.log(lazy) + scene.log(copier)).not.toMatch(/checker.accused/);
  }, TEST_MS);
});
