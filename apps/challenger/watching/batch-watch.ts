import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import type { Chain, EventPage } from '#io/chain';
import type { Logger } from '#platform';
import { MAX_DONE, type BlockCursor, type DoneBatch, type Position } from './cursor.js';

export interface SeenBatch {
  readonly batchId: bigint;
  readonly root: Root;
  readonly count: number;
  readonly coordinator: Address;
  readonly block: bigint;
}

export interface BatchWatchParts {
  readonly chain: Pick<Chain, 'events' | 'deployment' | 'finalityDepth'>;
  readonly cursor: Pick<BlockCursor, 'read' | 'write'>;
  /** Works a batch off; must not throw. Says whether anything was sent that a reorganisation could undo. */
  readonly onBatch: (batch: SeenBatch) => Promise<boolean>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Batches in work at once; the stream waits for one to end before it takes another. */
const MAX_OPEN_BATCHES = 64;
/** Batches worked off that are remembered at most, for the reorganisation that voids their beacon or what was sent. */
const MAX_REMEMBERED = MAX_DONE;

interface Work {
  readonly batch: SeenBatch;
  readonly done: Promise<void>;
  running: boolean;
  /** It sent something. */
  acted: boolean;
  /** Pages read when it ended. */
  endedAt: number;
  /** A block at or above all that it read and sent; undefined until that is known. */
  until: bigint | undefined;
}

/**
 * Hands over every committed batch, after a restart every one that was not worked off, and after a reorganisation every one whose
 * beacon, or what was sent for it, was undone.
 * INVARIANT: the cursor never passes a block with a batch that is still in work, or for which something was sent that is not final.
 */
export async function watchBatches(parts: BatchWatchParts): Promise<void> {
  const { chain, cursor, signal, log } = parts;
  const position = (await cursor.read()) ?? { nextBlock: BigInt(chain.deployment.deployedBlock), done: [] };
  const watch = new BatchWatch(parts, position);
  const onError = (err: unknown) => log.warn({ event: 'chain.silent', err }, 'the chain does not answer; trying again');
  for await (const page of chain.events({ fromBlock: position.nextBlock, signal, onError })) await watch.read(page);
  await watch.idle();
}

class BatchWatch {
  private readonly works = new Map<bigint, Work>();
  private readonly running = new Set<Promise<void>>();
  private readonly done: Map<bigint, DoneBatch>;
  private nextBlock: bigint;
  private pages = 0;

  constructor(
    private readonly parts: BatchWatchParts,
    { nextBlock, done }: Position,
  ) {
    this.nextBlock = nextBlock;
    this.done = new Map(done.map((one) => [one.batchId, one]));
  }

  async read(page: EventPage): Promise<void> {
    this.pages++;
    if (page.rewound) await this.rewind(page.from);
    for (const event of page.events) {
      if (event.eventName !== 'BatchCommitted' || this.works.has(event.args.batchId) || this.done.has(event.args.batchId)) continue;
      const { batchId, coordinator, batch: { root, count } } = event.args;
      this.parts.log.info({ event: 'batch.seen', batchId, root, count, block: event.blockNumber, txHash: event.transactionHash }, 'batch seen');
      await this.take({ batchId, root, count, coordinator, block: event.blockNumber });
    }
    this.nextBlock = page.to + 1n;
    this.forget(page);
    if (!this.parts.signal.aborted) await this.advance();
  }

  async idle(): Promise<void> {
    await Promise.all(this.running);
  }

  private async take(batch: SeenBatch): Promise<void> {
    if (this.running.size >= MAX_OPEN_BATCHES) await Promise.race(this.running);
    const work: Work = { batch, done: this.parts.onBatch(batch).then((acted) => this.ended(work, acted)), running: true, acted: false, endedAt: 0, until: undefined };
    this.works.set(batch.batchId, work);
    this.running.add(work.done);
    void work.done.finally(() => this.running.delete(work.done));
  }

  private ended(work: Work, acted: boolean): void {
    work.running = false;
    work.acted = acted;
    work.endedAt = this.pages;
    // WHY not when stopping: an aborted batch is not worked off.
    if (!this.parts.signal.aborted) void this.advance().catch((err: unknown) => this.parts.log.error({ event: 'cursor.failed', err }, 'the cursor could not be written'));
  }

  /** Blocks from `from` on are void: batches in them come again; those before them may have another beacon, and what was sent may be gone. */
  private async rewind(from: bigint): Promise<void> {
    for (const { batchId, until } of [...this.done.values()]) if (until >= from) this.done.delete(batchId);
    for (const { batch, until } of [...this.works.values()]) {
      if (until !== undefined && until < from) continue;
      this.works.delete(batch.batchId);
      if (batch.block < from) await this.take(batch);
    }
  }

  /** What is final no reorganisation brings back. */
  private forget({ to, head }: EventPage): void {
    for (const [batchId, work] of this.works) {
      if (work.running) continue;
      // WHY two pages: the head of the next one may have been asked for before the work ended.
      if (this.pages >= work.endedAt + 2) work.until ??= head;
      const final = work.until !== undefined && to > work.until + this.parts.chain.finalityDepth;
      if (final && this.done.size < MAX_DONE) this.done.set(batchId, { batchId, block: work.batch.block, until: work.until! });
      if (final || this.works.size > MAX_REMEMBERED) this.works.delete(batchId);
    }
  }

  private advance(): Promise<void> {
    const held = [...this.works.values()].filter(({ running, acted }) => running || acted);
    const nextBlock = held.reduce((low, { batch: { block } }) => (block < low ? block : low), this.nextBlock);
    for (const { batchId, block } of [...this.done.values()]) if (block < nextBlock) this.done.delete(batchId);
    return this.parts.cursor.write({ nextBlock, done: [...this.done.values()] });
  }
}
