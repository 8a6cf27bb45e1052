import { bytesToHex, createTestClient, http, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { listRoot, tensorRoot, ZERO_ROOT, type Root } from '#core/hashing';
import { gameIdOf, hashGame, isOver, modelOf, mover, winner, type Known, type Role } from '#core/dispute';
import { claimDigest, claimTypedData, type Claim } from '#core/protocol';
import type { TraceReader } from '#core/trace';
import { connectChain, deployContracts, disputesAbi, gamesOn, LIVE_PARAMETERS, type Chain, type Deployment } from '#io/chain';
import { createPlayer, type FeedFailure, type Player, type PlayerEvent } from '#player';
import { seededRandom, startAnvil, type Random, type RunningAnvil } from '#testing';
import { runWithFault } from '../../apps/executor/faults/index.js';
import { KEYS } from '../simulation/arena.js';
import { honestTrace, openModel, randomPicture } from '../simulation/real-models.js';

const LIES = ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'] as const;
const STAKE = 10n ** 24n;
/** Seconds between blocks, as on a live chain. */
const BLOCK_S = 12;
const DEEPEST = 64;
/** Blocks mined after a move at most; with MAX_GAMES games and all reorganisations together they take less than one clock. */
const MAX_GAP = 16;
const MAX_GAMES = 8;
const MAX_MOVES_BETWEEN_REORGS = 10;
/** Milliseconds between looks at the chain: some moves are mined and taken back before their own player has seen them. */
const POLLS_MS = [50, 1_000] as const;
const PATIENCE_MS = 240_000;
/** Milliseconds in which a player uses a pause; after that it was not long enough, for whatever reason. */
const SKIP_MS = 10_000;
const { disputes: PARAMETERS } = LIVE_PARAMETERS;

export interface ReorgTally {
  readonly games: number;
  readonly reorgs: number;
  readonly deepest: number;
  /** Transactions of the games that a reorganisation undid, the openings and payouts among them. */
  readonly undone: number;
  /** By the phase that was undone. */
  readonly undoneEvents: Readonly<Record<string, number>>;
  readonly moves: number;
}

export interface ReorgGames {
  readonly logFile: string;
  readonly seed: number;
  /** At most MAX_GAMES, all at once: half against a lying executor, half against a lying challenger. */
  readonly games: number;
  /** At most so many before the games are decided; two more follow. WHY bounded: a chain that takes everything back for ever decides nothing. */
  readonly reorgs: number;
  readonly onReorg?: (line: string) => void;
}

interface Party {
  readonly chain: Chain;
  readonly player: Player;
}

interface Match {
  readonly gameId: Root;
  readonly digest: Root;
  readonly honest: Role;
  readonly open: () => Promise<unknown>;
}

type Status = 'busy' | 'stuck' | 'won' | 'settled';

type PartyName = 'honestExecutor' | 'lyingExecutor' | 'honestChallenger' | 'lyingChallenger';

/**
 * Games of MNIST played by four players of the player library on a real chain whose last 1 to 64 blocks are taken back again and
 * again, with time going on: in the middle of games, after they are won, and after they are paid.
 * @throws Error naming the seed if an honest side loses, is not paid, or the contracts' money does not add up
 */
export async function playThroughReorgs({ logFile, seed, games, reorgs, onReorg = () => undefined }: ReorgGames): Promise<ReorgTally> {
  if (games > MAX_GAMES) throw new RangeError(`at most ${MAX_GAMES} games at once`);
  const anvil = await startAnvil({ logFile });
  const table = new Table(anvil, { random: seededRandom(seed), most: reorgs, onReorg });
  try {
    await table.lay(games);
    return await table.play();
  } catch (cause) {
    throw new Error(`reorganisations with seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    await table.clear();
    await anvil.stop();
  }
}

class Table {
  private deployment!: Deployment;
  private readonly parties = new Map<PartyName, Party>();
  private readonly keys = new Map<PartyName, Hex>();
  private readonly traces = new Map<Root, { honest: TraceReader; lie: TraceReader }>();
  private matches: Match[] = [];
  private balances: readonly bigint[] = [];
  /** Moves since the last reorganisation, and of them those for which no blocks were mined yet. */
  private moved = 0;
  private unmined = 0;
  /** So many moves after the last reorganisation comes the next one. */
  private patience = 0;
  private moves = 0;
  /** Games in which the liar has said that it has nothing to play. */
  private readonly stuck = new Set<Root>();
  private readonly undoneEvents: Record<string, number> = {};
  private reorgs = 0;
  private undone = 0;
  private deepest = 0;
  /** The last pause: for whom it was, and until when it is theirs to use. */
  private last: { readonly aim: Status; readonly statuses: readonly Status[]; readonly until: number } | undefined;

  private readonly random: Random;
  private readonly most: number;
  private readonly onReorg: (line: string) => void;

  constructor(
    private readonly anvil: RunningAnvil,
    { random, most, onReorg }: { random: Random; most: number; onReorg: (line: string) => void },
  ) {
    this.random = random;
    this.most = most;
    this.onReorg = onReorg;
  }

  async lay(games: number): Promise<void> {
    this.deployment = await deployContracts({ rpcUrl: this.anvil.rpcUrl, privateKey: KEYS.deployer, parameters: LIVE_PARAMETERS });
    for (const name of ['honestExecutor', 'lyingExecutor', 'honestChallenger', 'lyingChallenger'] as const) await this.seat(name);
    const session = await openModel('mnist');
    for (let n = 0; n < games; n++) {
      const inputs = randomPicture(session, this.random);
      const run = await runWithFault(this.random.pick(LIES), { jobId: bytesToHex(this.random.bytes(32)), session, inputs });
      this.matches.push(await this.match(n % 2 === 0 ? 'challenger' : 'executor', { honest: await honestTrace(session, inputs), lie: await run.trace() }));
    }
    await session.close();
    await this.mine(DEEPEST + 1);
    this.balances = await this.money();
  }

  /** One side of the table: an account with money and its player. */
  private async seat(name: PartyName): Promise<void> {
    const privateKey = generatePrivateKey();
    const { address } = privateKeyToAccount(privateKey);
    await this.node().setBalance({ address, value: 10n ** 20n });
    const chain = await connectChain({ rpcUrl: this.anvil.rpcUrl, deployment: this.deployment, privateKey, pollMs: this.random.pick(POLLS_MS), bumpAfterMs: 500 });
    await chain.token.mint(address, STAKE);
    await chain.vault.deposit(address, STAKE);
    if (name.endsWith('Executor')) await chain.vault.stake(STAKE / 2n);
    const { feed, sender, view } = gamesOn(chain);
    const player = createPlayer({
      account: address,
      feed,
      sender,
      chain: view,
      traces: { traceFor: async (digest) => this.traces.get(digest)![name.startsWith('honest') ? 'honest' : 'lie'] },
      payoutDelay: PARAMETERS.payoutDelay,
      fromBlock: BigInt(this.deployment.deployedBlock),
      report: (event) => this.heard(name, event),
      millis: () => performance.now(),
      tickMs: 100,
    });
    player.start();
    this.parties.set(name, { chain, player });
    this.keys.set(name, privateKey);
  }

  private heard(name: PartyName, event: PlayerEvent | FeedFailure): void {
    if (event.kind === 'feedFailed') return;
    if (event.kind === 'moved') (this.moves++, this.moved++, this.unmined++);
    if (name.startsWith('honest')) return;
    if (event.kind === 'conceded' || event.kind === 'failed') this.stuck.add(event.gameId);
    if (event.kind === 'moved' || event.kind === 'answered' || event.kind === 'joined') this.stuck.delete(event.gameId);
  }

  private async match(honest: Role, traces: { honest: TraceReader; lie: TraceReader }): Promise<Match> {
    const executor: PartyName = honest === 'executor' ? 'honestExecutor' : 'lyingExecutor';
    const challenger = this.party(honest === 'executor' ? 'lyingChallenger' : 'honestChallenger').chain;
    const claimed = honest === 'executor' ? traces.honest : traces.lie;
    const claim: Claim = {
      jobId: bytesToHex(this.random.bytes(32)),
      modelId: claimed.model.modelId,
      inputRoot: listRoot(claimed.inputs.map(tensorRoot)),
      outputRoot: claimed.outputRoot,
      executor: this.party(executor).chain.account!,
      coordinator: challenger.account!,
      fee: 1n,
      insuredValue: 0n,
    };
    const signature = await privateKeyToAccount(this.keys.get(executor)!).signTypedData(claimTypedData(challenger.network, claim));
    const digest = claimDigest(challenger.network, claim);
    this.traces.set(digest, traces);
    const gameId = gameIdOf(digest, challenger.account!);
    return { gameId, digest, honest, open: () => challenger.disputes.open(claim, signature, modelOf(traces.honest.model)) };
  }

  /** Until every game is paid out, and stays so after one more reorganisation. */
  async play(): Promise<ReorgTally> {
    let [wonOnce, paidOnce] = [false, false];
    await this.reopen();
    await this.reorganise(DEEPEST);
    for (const end = Date.now() + PATIENCE_MS; ; ) {
      if (Date.now() > end) throw new Error(`the games do not end: ${JSON.stringify(await this.statuses())}`);
      await this.reopen();
      if (this.moved >= this.patience && this.reorgs < this.most) await this.reorganise(this.random.between(1, DEEPEST + 1));
      const statuses = await this.statuses();
      // WHY none any more once one is paid: the last reorganisation is to reach every payout.
      if (this.unmined > 0 && !statuses.includes('settled')) await this.mine(this.random.between(0, MAX_GAP + 1));
      this.unmined = 0;
      if (statuses.every((status) => status === 'settled')) {
        if (paidOnce) break;
        paidOnce = true;
        await this.reorganise(DEEPEST);
      } else if (!wonOnce && statuses.includes('won') && statuses.every((status) => status === 'won' || status === 'settled')) {
        wonOnce = true;
        await this.reorganise(DEEPEST);
      } else if (statuses.every((status) => status !== 'busy')) {
        await this.skip(statuses);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.check();
    return { games: this.matches.length, reorgs: this.reorgs, deepest: this.deepest, undone: this.undone, undoneEvents: this.undoneEvents, moves: this.moves };
  }

  /** What the challenger's process does: a game that it opened and that is not there any more is opened again. */
  private async reopen(): Promise<void> {
    for (const { gameId, open } of this.matches) {
      if ((await this.party('honestExecutor').chain.disputes.stateOf(gameId)) === ZERO_ROOT) await open();
    }
  }

  /** What can be said about each game, as soon as both its players know what the chain knows. */
  private statuses(): Promise<Status[]> {
    return Promise.all(this.matches.map(async ({ gameId, honest }) => {
      const [one, other] = this.knownTo(honest, gameId);
      if (!one || !other) return 'busy';
      const state = await this.party('honestExecutor').chain.disputes.stateOf(gameId);
      if (one.settled && other.settled) return BigInt(state) === 1n ? 'settled' : 'busy';
      if (one.settled || other.settled || [one, other].some(({ game }) => hashGame(game) !== state)) return 'busy';
      if (isOver(one.game)) return 'won';
      return mover(one.game) !== honest && this.stuck.has(gameId) ? 'stuck' : 'busy';
    }));
  }

  private knownTo(honest: Role, gameId: Root): (Known | undefined)[] {
    const names: PartyName[] = honest === 'executor' ? ['honestExecutor', 'lyingChallenger'] : ['honestChallenger', 'lyingExecutor'];
    return names.map((name) => this.party(name).player.game(gameId)?.known);
  }

  /** Takes the last blocks back and goes on at the time at which they were taken back. */
  private async reorganise(depth: number): Promise<void> {
    this.moved = 0;
    this.patience = this.random.between(1, MAX_MOVES_BETWEEN_REORGS + 1);
    const node = this.node();
    const { chain } = this.party('honestExecutor');
    const head = await chain.client.getBlock();
    const names = await this.eventsAfter(head.number - BigInt(depth));
    await node.request({ method: 'anvil_reorg', params: [depth, []] } as never);
    await node.setNextBlockTimestamp({ timestamp: head.timestamp + 1n });
    await node.mine({ blocks: 1 });
    this.reorgs++;
    this.deepest = Math.max(this.deepest, depth);
    this.undone += names.length;
    for (const name of names) this.undoneEvents[name] = (this.undoneEvents[name] ?? 0) + 1;
    this.onReorg(`${depth} blocks taken back at ${head.number}: ${names.join(', ') || 'nothing of a game'}`);
  }

  private async eventsAfter(block: bigint): Promise<string[]> {
    const { chain } = this.party('honestExecutor');
    const logs = await chain.client.getContractEvents({ address: this.deployment.disputes, abi: disputesAbi, fromBlock: block + 1n, toBlock: 'latest' });
    return logs.map(({ eventName }) => eventName as string);
  }

  /**
   * Time passes while nobody honest has to move. WHY more blocks than the deepest reorganisation: what was before the pause stays.
   * WHY first the blocks and not again before those it was for have used it: what they do now is for a reorganisation to take back.
   */
  private async skip(statuses: readonly Status[]): Promise<void> {
    const aim = statuses.includes('stuck') ? 'stuck' : 'won';
    const { last } = this;
    if (last && last.until > Date.now() && last.statuses.some((status, i) => status === last.aim && statuses[i] === status)) return;
    this.last = { aim, statuses, until: Date.now() + SKIP_MS };
    await this.mine(DEEPEST);
    await this.node().increaseTime({ seconds: aim === 'stuck' ? PARAMETERS.clock : PARAMETERS.payoutDelay });
    await this.mine(1);
  }

  private async mine(blocks: number): Promise<void> {
    if (blocks > 0) await this.node().mine({ blocks, interval: BLOCK_S });
  }

  private async money(): Promise<bigint[]> {
    const names = ['honestExecutor', 'honestChallenger'] as const;
    return Promise.all(names.map((name) => this.party(name).chain.vault.balanceOf(this.party(name).chain.account!)));
  }

  private async check(): Promise<void> {
    const { chain } = this.party('honestExecutor');
    for (const { gameId, digest, honest } of this.matches) {
      for (const known of this.knownTo(honest, gameId)) if (winner(known!.game) !== honest) throw new Error(`the ${honest} was honest and lost ${gameId}`);
      if ((await chain.disputes.overturned(digest)) !== (honest === 'challenger')) throw new Error(`claim ${digest} is judged wrongly`);
    }
    const games = BigInt(this.matches.length);
    const [executor, challenger] = (await this.money()).map((amount, i) => amount - this.balances[i]!);
    const bounty = (PARAMETERS.penalty * BigInt(PARAMETERS.bountyBps)) / 10_000n;
    const due = { executor: PARAMETERS.bond * (games / 2n), challenger: bounty * (games - games / 2n) };
    if (executor !== due.executor || challenger !== due.challenger) throw new Error(`honest gains ${executor}, ${challenger}; due are ${due.executor}, ${due.challenger}`);
    if ((await chain.vault.stakeOf(chain.account!)).amount !== STAKE / 2n) throw new Error('the honest executor lost stake');
    const { balances, stakes, bonds, escrow, pool } = await chain.vault.totals();
    const held = await chain.token.balanceOf(this.deployment.vault);
    if (bonds !== 0n || balances + stakes + bonds + escrow + pool !== held) throw new Error(`the ledger does not add up to ${held}`);
  }

  private party(name: PartyName): Party {
    return this.parties.get(name)!;
  }

  private node() {
    return createTestClient({ mode: 'anvil', transport: http(this.anvil.rpcUrl) });
  }

  async clear(): Promise<void> {
    await Promise.all([...this.parties.values()].map(({ player }) => player.stop()));
  }
}
