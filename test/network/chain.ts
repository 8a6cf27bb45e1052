import { keccak256, numberToHex, type Address, type Hex } from 'viem';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { gameIdOf, hashGame, isOver, mover, newGame, packGame, PHASE, play, type Game, type Happening, type Move } from '#core/dispute';
import { AssayError, claimDigest, exposureLimit, exposureOf, isSignedBy, type Claim, type NetworkId } from '#core/protocol';
import type { Landing } from '#io/storage';
import type { GamePage } from '#player';
import type { Links } from './world.js';

export const NETWORK: NetworkId = { chainId: 31_337, disputes: '0x00000000000000000000000000000000000000d1' };
export const TERMS = { window: 30n, rate: 2n ** 31n, bountyBps: 5_000, clock: 60, extension: 30, payoutDelay: 2, beaconDelay: 1 } as const;
const BLOCK_MS = 1_000;
const POLL_MS = 400;
const SETTLED: Root = `0x${'00'.repeat(31)}01`;
const RULES = { network: NETWORK, extension: TERMS.extension, operatorOf: operatorByCode };
const lower = (address: string) => address.toLowerCase();

interface Batch {
  readonly batchId: bigint;
  readonly root: Root;
  readonly count: number;
  readonly coordinator: Address;
  readonly committedBlock: bigint;
  readonly committedAt: bigint;
  readonly totals: readonly { readonly executor: Address; readonly fees: bigint; readonly insuredValue: bigint }[];
  readonly charges: readonly { readonly submitter: Address; readonly amount: bigint }[];
}

interface Logged {
  readonly event: { readonly eventName: string; readonly args: object; readonly blockNumber: bigint; readonly transactionHash: Hex; readonly logIndex: number };
  readonly happening?: { readonly gameId: Root; readonly block: bigint; readonly tx: Hex; readonly happening: Happening };
}

/** The contracts as far as honest and lying parties reach them, games by the rules of #core/dispute; a block each second. */
export class FakeChain {
  readonly stakes = new Map<string, bigint>();
  readonly forfeited = new Map<string, bigint>();
  readonly batches: Batch[] = [];
  readonly games = new Map<Root, { game: Game; claim: Claim; state: Root }>();
  readonly overturned = new Set<Root>();
  private readonly logs: Logged[] = [];
  private readonly nonces = new Map<string, number>();
  private readonly start: number;

  constructor(
    private readonly links: Links,
    private readonly seed: number,
  ) {
    this.start = links.time.now;
  }

  get head(): bigint {
    return BigInt(Math.floor((this.links.time.now - this.start) / BLOCK_MS));
  }

  timeOf(block: bigint): bigint {
    return BigInt(this.start / 1000) + block;
  }

  mixHash(block: bigint): Root {
    return keccak256(numberToHex((BigInt(this.seed) << 64n) | block, { size: 32 }));
  }

  /** What an account's connection offers; every call takes its time. */
  connection(account: Address) {
    const read = <T>(work: () => T): Promise<T> => this.links.call('chain', work);
    const hashOf = (block: bigint) => keccak256(numberToHex(block, { size: 32 }));
    return {
      account,
      network: NETWORK,
      deployment: { deployedBlock: 0 },
      finalityDepth: 64n,
      client: { getBlockNumber: () => read(() => this.head), getBlock: ({ blockNumber }: { blockNumber: bigint }) => read(() => ({ hash: hashOf(blockNumber), timestamp: this.timeOf(blockNumber) })) },
      now: () => read(() => this.timeOf(this.head + 1n)),
      headTime: () => read(() => this.timeOf(this.head)),
      beacon: (batchId: bigint) => read(() => this.beacon(batchId)),
      events: (options: { fromBlock: bigint; signal: AbortSignal; onError?: (error: unknown) => void }) => this.pages(options, (from, to) => ({ events: this.between(from, to).map(({ event }) => event) })),
      batches: { batch: (id: bigint) => read(() => this.batches[Number(id) - 1] ?? { root: ZERO_ROOT, committedAt: 0n, committedBlock: 0n }), challengeWindow: () => read(() => TERMS.window), sampleRate: () => read(() => TERMS.rate) },
      disputes: { stateOf: (gameId: Root) => read(() => this.stateOf(gameId)), overturned: (digest: Root) => read(() => this.overturned.has(digest)), open: (claim: Claim, signature: Hex, model: { valueCount: number }) => this.send(() => this.open(account, { claim, signature, model })) },
      stakeOf: (executor: Address) => read(() => ({ amount: this.stakes.get(lower(executor)) ?? 0n })),
      exposureOf: (executor: Address) => read(() => this.exposure(executor)),
      ledger: this.ledger(account),
      games: {
        feed: { pages: (options: { fromBlock: bigint; signal: AbortSignal; onError: (error: unknown) => void }) => this.pages(options, (from, to) => ({ happenings: this.between(from, to).flatMap(({ happening }) => happening ?? []) })) as AsyncIterable<GamePage> },
        view: { stateOf: (gameId: Root) => read(() => this.stateOf(gameId)), now: () => read(() => this.timeOf(this.head + 1n)), pausedUntil: () => read(() => 0n) },
        sender: { move: (game: Game, move: Move) => this.send(() => this.move(account, game, move)), settle: (game: Game) => this.send(() => this.settle(game)), compensate: () => this.send(() => undefined) },
      },
    };
  }

  private ledger(account: Address) {
    const used = () => this.nonces.get(account) ?? 0;
    const landing = (batch: Batch): Landing => ({ batchId: batch.batchId, transaction: hashOf(batch.batchId), block: batch.committedBlock, committedAt: batch.committedAt });
    const hashOf = (id: bigint) => keccak256(numberToHex(id, { size: 32 }));
    return {
      commit: async (plan: Pick<Batch, 'root' | 'count' | 'totals' | 'charges'>, nonce: number): Promise<Landing> => {
        const { value } = await this.send(() => this.commit(account, plan, nonce));
        return landing(value);
      },
      find: (root: Root) => this.links.call('chain', () => this.batches.filter((batch) => batch.root === root && batch.committedBlock <= this.head).map(landing)[0]),
      numbers: () => this.links.call('chain', () => ({ mined: used() - this.batches.filter(({ committedBlock }) => committedBlock > this.head).length, pending: used(), view: 1 })),
      view: () => 1,
      hasNoStake: (executor: Address) => this.links.call('chain', () => (this.stakes.get(lower(executor)) ?? 0n) === 0n),
      burn: (nonce: number) => this.links.call('chain', () => void (used() === nonce && this.nonces.set(account, nonce + 1))),
    };
  }

  private async *pages<T extends object>({ fromBlock, signal, onError }: { fromBlock: bigint; signal: AbortSignal; onError?: (error: unknown) => void }, content: (from: bigint, to: bigint) => T) {
    for (let from = fromBlock; !signal.aborted; ) {
      const page = await this.links.call('chain', () => ({ from, to: this.head, head: this.head, rewound: false, ...content(from, this.head) })).catch((error: unknown) => void onError?.(error));
      if (page && page.to >= from) {
        yield page as never;
        from = page.to + 1n;
      }
      await this.links.time.sleep(POLL_MS);
    }
  }

  private between(from: bigint, to: bigint): Logged[] {
    return this.logs.filter(({ event }) => event.blockNumber >= from && event.blockNumber <= to);
  }

  /** A transaction: its effect comes at once, its receipt when its block is there. */
  private async send<T>(effect: () => T | Promise<T>) {
    const block = () => this.head + 1n;
    const sent = await this.links.call('chain', async () => ({ value: await effect(), block: block() }));
    while (this.head < sent.block) await this.links.time.sleep(100);
    return { value: sent.value, hash: keccak256(numberToHex(sent.block, { size: 32 })), block: sent.block, gasUsed: 1n };
  }

  private log(eventName: string, args: object, happening?: Happening, gameId?: Root): void {
    const [blockNumber, logIndex] = [this.head + 1n, this.logs.length];
    const transactionHash = keccak256(numberToHex(logIndex, { size: 32 }));
    this.logs.push({ event: { eventName, args, blockNumber, transactionHash, logIndex }, ...(happening && gameId ? { happening: { gameId, block: blockNumber, tx: transactionHash, happening } } : {}) });
  }

  private beacon(batchId: bigint): Root | undefined {
    const batch = this.batches[Number(batchId) - 1];
    const block = (batch?.committedBlock ?? 0n) + BigInt(TERMS.beaconDelay);
    return batch && block <= this.head ? this.mixHash(block) : undefined;
  }

  private exposure(executor: Address): bigint {
    const open = this.batches.filter(({ committedAt }) => committedAt + 2n * TERMS.window > this.timeOf(this.head));
    return open.flatMap(({ totals }) => totals).filter((total) => lower(total.executor) === lower(executor)).reduce((sum, total) => sum + exposureOf({ insuredValue: total.insuredValue, fee: total.fees }, TERMS.rate), 0n);
  }

  private commit(coordinator: Address, plan: Pick<Batch, 'root' | 'count' | 'totals' | 'charges'>, nonce: number): Batch {
    const used = this.nonces.get(coordinator) ?? 0;
    if (nonce !== used) throw new AssayError({ code: 'TRANSACTION_FAILED', message: `nonce ${nonce}, expected ${used}` });
    for (const { executor, insuredValue, fees } of plan.totals) {
      const limit = exposureLimit(this.stakes.get(lower(executor)) ?? 0n, TERMS.rate, TERMS.bountyBps);
      if (this.exposure(executor) + exposureOf({ insuredValue, fee: fees }, TERMS.rate) > limit) throw new AssayError({ code: 'CHAIN_REVERTED', message: 'StakeTooLow', facts: { args: [executor] } });
    }
    this.nonces.set(coordinator, used + 1);
    const committedBlock = this.head + 1n;
    const batch = { ...plan, batchId: BigInt(this.batches.length + 1), coordinator, committedBlock, committedAt: this.timeOf(committedBlock) };
    this.batches.push(batch);
    this.log('BatchCommitted', { batchId: batch.batchId, root: batch.root, count: batch.count, coordinator, batch });
    return batch;
  }

  private async open(challenger: Address, { claim, signature, model }: { claim: Claim; signature: Hex; model: { valueCount: number } }): Promise<void> {
    const digest = claimDigest(NETWORK, claim);
    const gameId = gameIdOf(digest, challenger);
    if (this.games.has(gameId) || (this.stakes.get(lower(claim.executor)) ?? 0n) === 0n || !(await isSignedBy(claim.executor, digest, signature))) throw reverted('AlreadyOpen');
    const game = newGame({ claim: digest, executor: claim.executor, challenger, outputRoot: claim.outputRoot, valueCount: model.valueCount, now: this.timeOf(this.head + 1n), clock: TERMS.clock });
    this.games.set(gameId, { game, claim, state: hashGame(game) });
    this.log('Opened', { gameId, claim: digest, executor: claim.executor, challenger, claimed: claim, game: packGame(game) }, { kind: 'opened', claim, game }, gameId);
  }

  private stateOf(gameId: Root): Root {
    return this.games.get(gameId)?.state ?? ZERO_ROOT;
  }

  private move(account: Address, game: Game, move: Move): void {
    const gameId = gameIdOf(game.claim, game.challenger);
    const entry = this.games.get(gameId);
    if (!entry || entry.state !== hashGame(game)) throw reverted('WrongState');
    const by = mover(game);
    const isMover = by !== undefined && lower(account) === lower(by === 'executor' ? game.executor : game.challenger);
    if (move.kind !== 'expire' && !isMover) throw reverted('NotYourTurn');
    const played = play(RULES, { game, move, by: by ?? 'executor', now: this.timeOf(this.head + 1n) });
    if (!('game' in played)) throw reverted(played.refusal);
    Object.assign(entry, { game: played.game, state: hashGame(played.game) });
    const args = { gameId, game: packGame(played.game) };
    const nodes = move.kind === 'revealSteps' ? move.states : 'nodes' in move ? move.nodes : undefined;
    if (isOver(played.game)) {
      if (played.game.phase === PHASE.executorLost) this.overturned.add(game.claim);
      this.log('Ended', args, { kind: 'ended', fault: move.kind === 'prove' ? move.fault : 'silence', game: played.game }, gameId);
    } else if (nodes) this.log('Revealed', args, { kind: 'revealed', nodes, game: played.game }, gameId);
    else this.log('Chosen', args, { kind: 'chosen', game: played.game }, gameId);
  }

  private settle(game: Game): void {
    const gameId = gameIdOf(game.claim, game.challenger);
    const entry = this.games.get(gameId);
    if (!entry || entry.state !== hashGame(game) || !isOver(game)) throw reverted('WrongState');
    if (this.timeOf(this.head + 1n) < game.movedAt + BigInt(TERMS.payoutDelay)) throw reverted('PayoutPending');
    entry.state = SETTLED;
    const executor = lower(game.executor);
    if (game.phase === PHASE.executorLost) {
      this.forfeited.set(executor, (this.forfeited.get(executor) ?? 0n) + (this.stakes.get(executor) ?? 0n));
      this.stakes.set(executor, 0n);
    }
    this.log('Settled', { gameId }, { kind: 'settled' }, gameId);
  }
}

function reverted(errorName: string): AssayError {
  return new AssayError({ code: 'CHAIN_REVERTED', message: errorName, facts: { error: errorName } });
}
