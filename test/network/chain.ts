import { keccak256, numberToHex, type Address, type Hex } from 'viem';
import { ZERO_ROOT, type Root } from '#core/hashing';
import type { Game, Move } from '#core/dispute';
import { AssayError, claimDigest, isSignedBy, type Claim } from '#core/protocol';
import type { Landing } from '#io/storage';
import type { GamePage } from '#player';
import type { Random } from '#testing';
import { Contracts, NETWORK, TERMS, type At, type Batch, type Plan } from './contracts.js';
import type { Life } from './time.js';
import type { Links } from './world.js';

const BLOCK_MS = 1_000;
const POLL_MS = 400;
/** Share of the transactions in lost blocks that no later block takes up. */
const LOST_FOR_GOOD = 0.25;

interface Transaction<T = unknown> {
  readonly effect: (contracts: Contracts, at: At) => T;
  value: T;
  block: bigint;
  isLost: boolean;
}
interface Feed {
  readonly fromBlock: bigint;
  readonly signal: AbortSignal;
  readonly onError?: (error: unknown) => void;
}

/** A chain with a block each second, whose newest blocks may be replaced by others, seen through endpoints of which some are behind. */
export class FakeChain {
  private now = new Contracts();
  /** The state before the first transaction of a block, for the blocks that have some. */
  private readonly before = new Map<bigint, Contracts>();
  private transactions: Transaction[] = [];
  /** First blocks of the branches taken, the first of which is the chain's beginning. */
  private readonly branches: bigint[] = [0n];
  private readonly behind = new Map<Life, { blocks: number; until: number; wavers: boolean }>();
  private readonly start: number;

  constructor(
    private readonly links: Links,
    private readonly random: Random,
  ) {
    this.start = links.time.now;
  }

  /** The state that the newest transactions lead to. */
  get contracts(): Contracts {
    return this.now;
  }

  get head(): bigint {
    return BigInt(Math.floor((this.links.time.now - this.start) / BLOCK_MS));
  }

  /** Stake that the account always had, on every branch. */
  endow(account: Address, amount: bigint): void {
    for (const contracts of [this.now, ...this.before.values()]) contracts.stakes.set(account.toLowerCase(), amount);
  }

  timeOf(block: bigint): bigint {
    return BigInt(this.start / 1000) + block;
  }

  mixHash(block: bigint): Root {
    return this.hashOf(block, BigInt(this.random.seed));
  }

  /** The life's endpoint is so many blocks behind for a while, or from call to call anything up to that; then another one takes over again. */
  lag(life: Life, { blocks, ms, wavers }: { blocks: number; ms: number; wavers: boolean }): void {
    this.behind.set(life, { blocks, until: this.links.time.now + ms, wavers });
  }

  /** Other blocks take the place of the newest ones: of their transactions some come in another order, some later, some never. */
  reorganise(depth: number): void {
    const fork = this.head - BigInt(depth) + 1n;
    if (fork < 1n) return;
    const restored = [...this.before.keys()].filter((block) => block >= fork).sort((a, b) => Number(a - b));
    const voided = this.transactions.filter(({ block }) => block >= fork);
    this.transactions = this.transactions.filter(({ block }) => block < fork);
    if (restored[0] !== undefined) this.now = this.before.get(restored[0])!;
    for (const block of restored) this.before.delete(block);
    this.branches.push(fork);
    const next = voided.flatMap((transaction) => {
      transaction.isLost = true;
      return this.random.next() < LOST_FOR_GOOD ? [] : { transaction, block: this.moved(transaction.block, fork), order: this.random.next() };
    });
    for (const { transaction, block } of next.sort((a, b) => Number(a.block - b.block) || a.order - b.order)) this.again(transaction, block);
  }

  /** What an account's connection offers; every call takes its time. */
  connection(account: Address) {
    const read = <T>(work: (contracts: Contracts, head: bigint) => T): Promise<T> => this.links.call('chain', () => {
      const head = this.seenHead;
      return work(this.stateAt(head), head);
    });
    const sent = <T>(effect: Transaction<T>['effect']) => this.send(effect);
    return {
      account,
      network: NETWORK,
      deployment: { deployedBlock: 0 },
      finalityDepth: 64n,
      blockNumber: () => read((_, head) => head),
      block: (blockNumber: bigint) => read(() => ({ hash: this.hashOf(blockNumber), timestamp: this.timeOf(blockNumber) })),
      now: () => read((_, head) => this.timeOf(head + 1n)),
      headTime: () => read((_, head) => this.timeOf(head)),
      beacon: (batchId: bigint) => read((contracts, head) => this.beacon(contracts.batches[Number(batchId) - 1], head)),
      events: (feed: Feed) => this.pages(feed, ({ event }) => event, 'events'),
      batches: { batch: (id: bigint) => read(({ batches }) => batches[Number(id) - 1] ?? { root: ZERO_ROOT, committedAt: 0n, committedBlock: 0n }), challengeWindow: () => read(() => TERMS.window), sampleRate: () => read(() => TERMS.rate) },
      requests: { unanswered: () => read(() => 0n) },
      disputes: {
        stateOf: (gameId: Root) => read((contracts) => contracts.stateOf(gameId)),
        overturned: (digest: Root) => read(({ overturned }) => overturned.has(digest)),
        open: async (claim: Claim, signature: Hex, { valueCount }: { valueCount: number }) => {
          const isSigned = await isSignedBy(claim.executor, claimDigest(NETWORK, claim), signature);
          return sent((contracts, at) => contracts.open(at, account, { claim, isSigned, valueCount }));
        },
      },
      stakeOf: (executor: Address) => read((contracts) => ({ amount: contracts.stakeOf(executor) })),
      exposureOf: (executor: Address) => read((contracts, head) => contracts.exposure(executor, this.timeOf(head))),
      ledger: this.ledger(account),
      games: {
        feed: { pages: (feed: Feed) => this.pages(feed, ({ happening }) => happening, 'happenings') as AsyncIterable<GamePage> },
        view: { stateOf: (gameId: Root) => read((contracts) => contracts.stateOf(gameId)), now: () => read((_, head) => this.timeOf(head + 1n)), pausedUntil: () => read(() => 0n) },
        sender: { move: (game: Game, move: Move) => sent((contracts, at) => contracts.move(at, account, { game, move })), settle: (game: Game) => sent((contracts, at) => contracts.settle(at, game)), compensate: () => sent(() => undefined) },
      },
    };
  }

  private ledger(account: Address) {
    const landing = (batch: Batch): Landing => ({ batchId: batch.batchId, transaction: this.hashOf(batch.committedBlock, batch.batchId), block: batch.committedBlock, committedAt: batch.committedAt });
    return {
      commit: async (plan: Plan, nonce: number): Promise<Landing> => landing((await this.send((contracts, at) => contracts.commit(at, account, { plan, nonce }))).value),
      /** As batching/batch-ledger.ts: who is behind the block says so. */
      find: (root: Root, upTo = 0n) => this.links.call('chain', () => {
        const head = this.seenHead;
        if (head < upTo) throw new AssayError({ code: 'CHAIN_UNREACHABLE', facts: { head, upTo } });
        return this.stateAt(head).batches.filter((batch) => batch.root === root).map(landing)[0];
      }),
      numbers: () => this.links.call('chain', () => {
        const block = this.seenHead;
        return { mined: this.stateAt(block).nonceOf(account), pending: (this.isBehind ? this.seen : this.now).nonceOf(account), block };
      }),
      hasNoStake: (executor: Address) => this.links.call('chain', () => this.seen.stakeOf(executor) === 0n),
      room: async () => 2n ** 128n,
      burn: async (nonce: number) => void (await this.send((contracts) => contracts.burn(account, nonce))),
    };
  }

  /** As io/chain/events.ts: what was told of blocks that are no longer there, or that this endpoint does not have yet, is void. */
  private async *pages(feed: Feed, content: (logged: Contracts['logs'][number]) => unknown, name: 'events' | 'happenings') {
    let [next, branch] = [feed.fromBlock, this.branches.length];
    while (!feed.signal.aborted) {
      const page = await this.links.call('chain', () => {
        const [head, branches] = [this.seenHead, this.branches.length];
        const gone = [...this.branches.slice(branch), head + 1n, next].reduce((a, b) => (a < b ? a : b));
        const from = gone < feed.fromBlock ? feed.fromBlock : gone;
        const logs = this.stateAt(head).logs.filter(({ event: { blockNumber: block } }) => block >= from && block <= head);
        return { from, to: head, head, rewound: from < next, branches, [name]: logs.flatMap((logged) => content(logged) ?? []) };
      }).catch((error: unknown) => void feed.onError?.(error));
      if (page && (page.rewound || page.to >= page.from)) {
        [next, branch] = [page.to + 1n, page.branches];
        yield page as never;
      }
      await this.links.time.sleep(POLL_MS);
    }
  }

  /** A transaction: its receipt comes when its block is there. One that is lost before is sent again. */
  private async send<T>(effect: Transaction<T>['effect']) {
    const include = () => this.links.call('chain', () => this.include(effect));
    let transaction = await include();
    while (transaction.isLost || this.seenHead < transaction.block) {
      await this.links.time.sleep(100);
      if (transaction.isLost) transaction = await include();
    }
    const { value, block } = transaction;
    return { value, hash: this.hashOf(block, 1n), block, gasUsed: 1n };
  }

  private include<T>(effect: Transaction<T>['effect'], block = this.head + 1n): Transaction<T> {
    const at = { block, time: this.timeOf(block) };
    const next = new Contracts(this.now);
    const transaction = { effect, value: effect(next, at), block, isLost: false };
    if (!this.before.has(block)) this.before.set(block, this.now);
    this.now = next;
    this.transactions.push(transaction as Transaction);
    return transaction;
  }

  private again(transaction: Transaction, block: bigint): void {
    try {
      Object.assign(transaction, this.include(transaction.effect, block));
      this.transactions[this.transactions.length - 1] = transaction;
    } catch {
      // It no longer goes through on this branch.
    }
  }

  private moved(block: bigint, fork: bigint): bigint {
    const moved = block + BigInt(this.random.between(-2, 4));
    const last = this.head + 1n;
    return moved < fork ? fork : moved > last ? last : moved;
  }

  private hashOf(block: bigint, salt = 0n): Root {
    const branch = this.branches.findLastIndex((first) => first <= block);
    return keccak256(numberToHex((salt << 128n) | (BigInt(branch) << 64n) | block, { size: 32 }));
  }

  private beacon(batch: Batch | undefined, head: bigint): Root | undefined {
    const block = (batch?.committedBlock ?? 0n) + BigInt(TERMS.beaconDelay);
    return batch && block <= head ? this.mixHash(block) : undefined;
  }

  private get isBehind(): boolean {
    const { life } = this.links.time;
    return life !== undefined && (this.behind.get(life)?.until ?? 0) > this.links.time.now;
  }

  private get seenHead(): bigint {
    const { life } = this.links.time;
    const { blocks, wavers } = this.isBehind ? this.behind.get(life!)! : { blocks: 0, wavers: false };
    const head = this.head - BigInt(wavers ? this.random.between(0, blocks + 1) : blocks);
    return head > 0n ? head : 0n;
  }

  private get seen(): Contracts {
    return this.stateAt(this.seenHead);
  }

  private stateAt(head: bigint): Contracts {
    const later = [...this.before.keys()].filter((block) => block > head);
    return later.length === 0 ? this.now : this.before.get(later.reduce((a, b) => (a < b ? a : b)))!;
  }
}
