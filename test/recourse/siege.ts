import { readFileSync } from 'node:fs';
import { bytesToHex, numberToHex, type Address } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { winner, type Known, type Role } from '#core/dispute';
import { modelPreimage } from '#core/onnx';
import type { TraceReader } from '#core/trace';
import { connectChain, LIVE_PARAMETERS, type Chain } from '#io/chain';
import { openSession } from '#io/inference';
import type { BatchedClaim } from '#io/messaging';
import { seededRandom, startRpcProxy, type Child, type Random, type RpcProxy } from '#testing';
import { runWithFault } from '../../apps/executor/faults/index.js';
import { honestPlayer, lyingChallenger, silentAfter, type Player } from '../simulation/players.js';
import { chosenMove } from '../simulation/random-moves.js';
import { honestTrace } from '../simulation/real-models.js';
import { until } from '../simulation/table.js';
import { Arena, picture } from './arena.js';
import { Swarm } from './swarm.js';

const UNIT = 10n ** 18n;
const FEE_AND_INSURED = 3n * UNIT;
/** Bond and penalty as a live chain would have them; clocks as on the local network. */
const { bond, penalty } = LIVE_PARAMETERS.disputes;
const FAULTS = ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'] as const;

export interface SiegeResult {
  readonly attack: 'challengers' | 'executors';
  readonly games: number;
  readonly wonByHonest: number;
  readonly transactions: number;
  /** Gas of the honest player's transactions, and of all attackers' together. */
  readonly honestGas: bigint;
  readonly attackersGas: bigint;
  /** Bonds or stakes the attackers lost to penalties, in token units. */
  readonly forfeited: bigint;
  readonly seconds: number;
  /** Chain seconds that were skipped while nothing but attackers' clocks ran. */
  readonly skippedSeconds: number;
  /** The least that was left on the honest player's clock at any of its moves, in seconds. */
  readonly leastClock: number;
  readonly peakMemoryMb: number;
  readonly cpuSeconds: number;
  readonly rpcCalls: number;
}

interface Siege {
  readonly arena: Arena;
  readonly proxy: RpcProxy;
  readonly games: number;
  readonly random: Random;
}

/** `games` hostile challengers, each with a bond of its own, against one honest executor: its ordinary process. */
export async function besiegeExecutor(games: number, seed: number): Promise<SiegeResult> {
  return withArena('executor-1', { games, seed }, async (siege, honest) => {
    const { arena, random } = siege;
    const { claims } = await arena.batch('executor-1', Array.from({ length: games }, (_, n) => picture(arena.model, n)));
    const session = await openSession(arena.model);
    const trace = await honestTrace(session, picture(arena.model));
    await session.close();
    const attackers = await accounts(siege, bond);
    const players = attackers.map((_, n) => attackingChallenger(n, random));
    const index = new Map(attackers.map(({ account }, n) => [account.address.toLowerCase(), n]));
    const swarm = new Swarm(arena.chain, 'challenger', ({ game }) => {
      const n = index.get(game.challenger.toLowerCase());
      return n === undefined ? undefined : { chain: attackers[n]!.chain, player: players[n]!, trace: async () => trace };
    });
    return fight({ ...siege, swarm, honest, honestRole: 'executor' }, () =>
      inTurns(games, 8, async (n) => {
        const { claim, signature } = claims[n]!;
        await attackers[n]!.chain.disputes.open(claim, signature, modelPreimage(arena.model.manifest));
      }),
    );
  });
}

/** What a hostile challenger does that has no case: most make the executor open as much as possible, for nothing. */
function attackingChallenger(n: number, random: Random): Player {
  switch (n % 6) {
    case 0:
      return silentAfter(0, honestPlayer(random, 0));
    case 1:
      return lyingChallenger(random);
    case 2:
      return silentAfter(random.between(1, 4), lyingChallenger(random));
    default:
      return lyingChallenger(random, (r, position) => {
        const action = chosenMove(r, position);
        return action.kind === 'prove' ? { kind: 'concede', reason: 'nothing left to ask for' } : action;
      });
  }
}

/** `games` lying executors, each with a stake of its own, against one honest challenger: its ordinary process. */
export async function besiegeChallenger(games: number, seed: number): Promise<SiegeResult> {
  return withArena('challenger-1', { games, seed }, async (siege, honest) => {
    const { arena, random } = siege;
    const attackers = await accounts(siege, 2n * penalty + FEE_AND_INSURED);
    await inTurns(games, 8, async (n) => void (await attackers[n]!.chain.vault.stake(2n * penalty)));
    const claims: BatchedClaim[] = [];
    const traces = new Map<string, () => Promise<TraceReader>>();
    const session = await openSession(arena.model);
    for (const [n, { account }] of attackers.entries()) {
      const inputs = picture(arena.model, n);
      const job = await arena.request(inputs);
      const run = await runWithFault(FAULTS[n % FAULTS.length]!, { jobId: job.jobId, session, inputs });
      const { claim, signature } = await arena.claimBy(account, job, { inputs, outputRoot: run.outputRoot });
      claims.push({ request: job.request, requestSignature: job.signature, claim, signature });
      let trace: Promise<TraceReader> | undefined;
      traces.set(account.address.toLowerCase(), () => (trace ??= run.trace()));
    }
    const players = attackers.map((_, n) => (n % 6 === 0 ? silentAfter(random.between(0, 5), honestPlayer(random, 0)) : honestPlayer(random, 0)));
    const index = new Map(attackers.map(({ account }, n) => [account.address.toLowerCase(), n]));
    const swarm = new Swarm(arena.chain, 'executor', ({ game }) => {
      const n = index.get(game.executor.toLowerCase());
      return n === undefined ? undefined : { chain: attackers[n]!.chain, player: players[n]!, trace: traces.get(game.executor.toLowerCase())! };
    });
    const result = await fight({ ...siege, swarm, honest, honestRole: 'challenger' }, async () => void (await arena.commit(claims)));
    await session.close();
    return result;
  });
}

async function withArena(name: 'executor-1' | 'challenger-1', { games, seed }: { games: number; seed: number }, run: (siege: Siege, honest: Child) => Promise<SiegeResult>): Promise<SiegeResult> {
  const arena = await Arena.open([name], { bond, penalty });
  const proxy = await startRpcProxy(arena.rpcUrl);
  try {
    await arena.endow(arena.account('submitter').address, BigInt(games) * FEE_AND_INSURED);
    if (name === 'challenger-1') await arena.endow(arena.account(name).address, BigInt(games) * bond);
    // WHY a stake that grows with the jobs: the exposure rule bounds what an executor's open claims insure.
    else await arena.fund(name, BigInt(games) * FEE_AND_INSURED + penalty);
    const honest = await arena.start(name, { ASSAY_RPC_URL: proxy.rpcUrl, ...(name === 'challenger-1' ? { ASSAY_SAMPLE_ALL: 'true' } : { ASSAY_CAPACITY: '4' }) });
    return await run({ arena, proxy, games, random: seededRandom(seed) }, honest);
  } finally {
    await arena.close();
    await proxy.stop();
  }
}

interface Attacker {
  readonly account: PrivateKeyAccount;
  readonly chain: Chain;
}

async function accounts({ arena, games, random }: Siege, amount: bigint): Promise<Attacker[]> {
  const keys = Array.from({ length: games }, () => bytesToHex(random.bytes(32)));
  const { deployment } = arena.chain;
  return inTurns(games, 8, async (n) => {
    const account = privateKeyToAccount(keys[n]!);
    await arena.giveEther(account.address);
    const chain = await connectChain({ rpcUrl: arena.rpcUrl, deployment, privateKey: keys[n]! });
    await chain.token.mint(account.address, amount);
    await chain.vault.deposit(account.address, amount);
    return { account, chain };
  });
}

interface Fight extends Siege {
  readonly swarm: Swarm;
  readonly honest: Child;
  readonly honestRole: Role;
}

async function fight(setting: Fight, attack: () => Promise<unknown>): Promise<SiegeResult> {
  const { arena, swarm, games, honest, honestRole, proxy } = setting;
  const started = performance.now();
  const from = (await arena.chain.blockNumber()) + 1n;
  const cpu = usageOf(honest.pid).cpuSeconds;
  proxy.calls.clear();
  swarm.start(from);
  await attack();
  let skippedSeconds = 0;
  await until('every game to be settled', async () => {
    if (swarm.opened === games && swarm.running > 0 && swarm.stalled === swarm.running) {
      // Nothing is left to do for the honest side but to wait: time is skipped that it would spend waiting.
      skippedSeconds += 121;
      await arena.passTime(121);
      await until('the silent to be expired', () => swarm.running === 0, 300_000);
    }
    return swarm.opened === games && swarm.all().every(({ settled }) => settled);
  }, 1_800_000);
  await swarm.stop();
  const ended = swarm.all();
  const usage = usageOf(honest.pid);
  const gas = await gasBySender(arena.chain, from);
  const own = arena.account(honestRole === 'executor' ? 'executor-1' : 'challenger-1').address.toLowerCase();
  const others = new Set(ended.map(({ game }) => (honestRole === 'executor' ? game.challenger : game.executor).toLowerCase()));
  const attackers = [...gas].filter(([address]) => others.has(address));
  return {
    attack: honestRole === 'executor' ? 'challengers' : 'executors',
    games,
    wonByHonest: ended.filter(({ game }) => winner(game) === honestRole).length,
    transactions: (gas.get(own)?.count ?? 0) + attackers.reduce((sum, [, { count }]) => sum + count, 0),
    honestGas: gas.get(own)?.gas ?? 0n,
    attackersGas: attackers.reduce((sum, [, { gas: used }]) => sum + used, 0n),
    forfeited: await forfeited(setting, ended),
    seconds: (performance.now() - started) / 1_000,
    skippedSeconds,
    leastClock: leastClockOf(ended, honestRole),
    peakMemoryMb: usage.peakMemoryMb,
    cpuSeconds: usage.cpuSeconds - cpu,
    rpcCalls: [...proxy.calls.values()].reduce((sum, n) => sum + n, 0),
  };
}

/** What the chain says the attackers no longer have; fee and insured value of a job are the submitter's and do not count. */
async function forfeited({ arena, honestRole }: Fight, ended: readonly Known[]): Promise<bigint> {
  const lost = await inTurns(ended.length, 8, async (n) => {
    const { game } = ended[n]!;
    if (honestRole === 'executor') return bond - (await arena.chain.vault.balanceOf(game.challenger));
    const { amount } = await arena.chain.vault.stakeOf(game.executor);
    return 2n * penalty - amount - FEE_AND_INSURED;
  });
  return lost.reduce((sum, amount) => sum + amount, 0n);
}

/** Every state of a game names both clocks: the honest side's never rises but to the extension, so the states tell its worst moment. */
function leastClockOf(ended: readonly Known[], role: Role): number {
  const clocks = ended.flatMap(({ game, reveals }) => [game, ...reveals.map((r) => r.game)]).map((game) => (role === 'executor' ? game.executorClock : game.challengerClock));
  return Math.min(...clocks);
}

async function gasBySender({ client }: Chain, from: bigint): Promise<Map<string, { gas: bigint; count: number }>> {
  const sums = new Map<string, { gas: bigint; count: number }>();
  const head = await client.getBlockNumber({ cacheTime: 0 });
  for (let block = from; block <= head; block++) {
    const receipts = (await client.request({ method: 'eth_getBlockReceipts', params: [numberToHex(block)] } as never)) as { from: Address; gasUsed: `0x${string}` }[];
    for (const { from: sender, gasUsed } of receipts) {
      const { gas, count } = sums.get(sender.toLowerCase()) ?? { gas: 0n, count: 0 };
      sums.set(sender.toLowerCase(), { gas: gas + BigInt(gasUsed), count: count + 1 });
    }
  }
  return sums;
}

/** What the kernel says of a process (Linux: proc_pid_status, proc_pid_stat; 100 ticks a second); zeros elsewhere. */
function usageOf(pid: number): { peakMemoryMb: number; cpuSeconds: number } {
  try {
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    const [, rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const [user, system] = rest!.split(' ').slice(11, 13).map(Number);
    return { peakMemoryMb: Math.round(Number(peak) / 1024), cpuSeconds: (user! + system!) / 100 };
  } catch {
    return { peakMemoryMb: 0, cpuSeconds: 0 };
  }
}

/** Results of `count` pieces of work, `width` of them at a time. */
async function inTurns<T>(count: number, width: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < count; n = next++) results[n] = await work(n);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

export interface Prices {
  /** Wei per gas. */
  readonly gasPrice: bigint;
  /** Tokens that an ether costs. */
  readonly tokensPerEther: number;
}

/**
 * What the attackers lost over what the honest side paid, both in tokens:
 *
 *   (forfeited bonds or penalties + attackers' gas × price) ÷ (honest gas × price)
 *
 * The honest side's cost is gross: that the forfeited money pays it back, so that in the end it has a gain, is left out.
 */
export function costRatio({ forfeited: lost, attackersGas, honestGas }: SiegeResult, { gasPrice, tokensPerEther }: Prices): number {
  const tokens = (gas: bigint) => (Number(gas * gasPrice) / 1e18) * tokensPerEther;
  return (Number(lost) / 1e18 + tokens(attackersGas)) / tokens(honestGas);
}
