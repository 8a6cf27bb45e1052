import { unpackGame } from '#core/dispute';
import type { Chain, ChainEvent, EventPage } from '#io/chain';
import type { BatchRecord, Fence, Storage } from '#io/storage';
import type { Logger } from '#platform';
import { isCommitted, landingOf } from '../batching/batch-ledger.js';

export interface ChainFollowerParts {
  readonly chain: Pick<Chain, 'events' | 'block' | 'blockNumber' | 'deployment' | 'batches' | 'disputes' | 'requests'>;
  readonly storage: Pick<Storage, 'batches' | 'disputes' | 'cursors'>;
  readonly now: () => number;
  readonly log: Logger;
  /** Told what is wrong with the chain, and undefined once it answers. */
  readonly onProblem: (text: string | undefined) => void;
  /** Held as long as this runs; left out by a process that is alone. */
  readonly fence?: Fence;
}

const CURSOR = 'chain';
/** Game.phase after its end (docs/protocol.md section 4). */
const EXECUTOR_LOST = 4;
const CHALLENGER_LOST = 5;
const RETRY_MS = 1_000;
/** So far back the events are read again when the last block read is no longer on the chain after a restart. */
const LOOK_BACK_BLOCKS = 64n;

/** The block up to which events are in the store. */
export async function readUpTo({ storage, chain }: Pick<ChainFollowerParts, 'storage' | 'chain'>): Promise<bigint> {
  return (await storage.cursors.read(CURSOR))?.block ?? BigInt(chain.deployment.deployedBlock) - 1n;
}

/**
 * Brings what happens on chain into the store: batches that landed, disputes, the end of the challenge window.
 * Every event may be seen twice, after a restart or a reorganisation; the store takes it once.
 */
export class ChainFollower {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private window: bigint | undefined;

  constructor(private readonly parts: ChainFollowerParts) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      // WHY the stream anew: a page that could not be worked off must come again, from the cursor.
      await this.follow().catch((err: unknown) => this.fault(err, 'chain events could not be worked off; trying again'));
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  private async follow(): Promise<void> {
    const { chain } = this.parts;
    const fromBlock = await this.nextBlock();
    const onError = (err: unknown) => this.fault(err, 'the chain does not answer; trying again');
    for await (const page of chain.events({ fromBlock, signal: this.stopping.signal, onError })) {
      await this.take(page);
      this.parts.onProblem(undefined);
    }
  }

  /** Behind the last block read, or before the reorganisation that happened while nobody read. */
  private async nextBlock(): Promise<bigint> {
    const { chain, storage } = this.parts;
    const cursor = await storage.cursors.read(CURSOR);
    const next = (await readUpTo(this.parts)) + 1n;
    if (!cursor?.hash || (await this.hashOf(cursor.block)) === cursor.hash) return next;
    const first = BigInt(chain.deployment.deployedBlock);
    const from = next - LOOK_BACK_BLOCKS > first ? next - LOOK_BACK_BLOCKS : first;
    await this.undo(from);
    return from;
  }

  private async hashOf(blockNumber: bigint): Promise<string | undefined> {
    const { chain } = this.parts;
    if (blockNumber > (await chain.blockNumber())) return undefined;
    return (await chain.block(blockNumber)).hash;
  }

  private async take(page: EventPage): Promise<void> {
    const { storage, fence } = this.parts;
    if (page.rewound) await this.undo(page.from);
    for (const event of page.events) await this.apply(event);
    const hash = (await this.hashOf(page.to)) ?? null;
    await storage.cursors.write(CURSOR, page.to, { hash, fence });
    if (page.to === page.head) await this.finalize(page.to);
  }

  /** Everything that blocks from `block` on said is void: batches that landed there are to be sent again, games opened there are gone. */
  private async undo(block: bigint): Promise<void> {
    const { storage, log, fence } = this.parts;
    const now = new Date(this.parts.now());
    const seqs = await storage.batches.unland(block, now, fence);
    await storage.disputes.unopen(block, now, fence);
    log.warn({ event: 'chain.rewound', block, batches: seqs }, 'the chain was reorganised; what it took back is undone');
  }

  private async apply(event: ChainEvent): Promise<void> {
    const { storage, log } = this.parts;
    const now = new Date(this.parts.now());
    if (isCommitted(event)) {
      if (await storage.batches.land(event.args.batch.root, await landingOf(this.parts.chain, event), now)) log.info({ event: 'batch.found', batchId: event.args.batchId, root: event.args.batch.root }, 'a batch was found on chain');
    } else if (event.eventName === 'Opened') {
      const { gameId, claim, challenger, executor } = event.args;
      await storage.disputes.opened({ gameId, claimDigest: claim, challenger, block: event.blockNumber, now });
      log.info({ event: 'dispute.opened', gameId, claim, executor, challenger, block: event.blockNumber }, 'dispute opened');
    } else if (event.eventName === 'Ended') {
      const { gameId } = event.args;
      const game = unpackGame(event.args.game);
      const outcome = outcomeOf(game.phase);
      if (!outcome) return log.error({ event: 'dispute.phase', gameId, phase: game.phase }, 'a dispute ended in a phase that is no end');
      await storage.disputes.ended(gameId, outcome, now);
      log.info({ event: 'dispute.ended', gameId, claim: game.claim, outcome, block: event.blockNumber }, `dispute ended: claim ${outcome}`);
    } else if (event.eventName === 'Settled') {
      // WHY: a canary's game may be settled before it has ended, as its claim is void; of any other this is known.
      const outcome = (await this.parts.chain.disputes.overturned(event.args.claim)) ? 'overturned' : 'upheld';
      await storage.disputes.ended(event.args.gameId, outcome, now);
    }
  }

  private async finalize(head: bigint): Promise<void> {
    const { chain, storage, log } = this.parts;
    this.window ??= await chain.batches.challengeWindow();
    const { timestamp } = await chain.block(head);
    for (const batch of await storage.batches.pastWindow(timestamp - this.window)) {
      if (!(await this.isStillThere(batch))) {
        await this.undo(batch.landing!.block);
        return;
      }
      if (await this.isWithheld(batch, head)) continue;
      const jobIds = await storage.batches.finalize(batch.seq, new Date(this.parts.now()));
      if (jobIds.length > 0) log.info({ event: 'batch.final', batchId: batch.landing?.batchId, jobs: jobIds.length }, 'jobs are final');
    }
  }

  /** WHY the last look: a reorganisation deeper than what is remembered of the chain must not make anything final. */
  private async isStillThere({ root, landing }: BatchRecord): Promise<boolean> {
    return landing !== undefined && (await this.parts.chain.batches.batch(landing.batchId)).root === root;
  }

  /** WHY: as for contracts and receipts, no job is final of whose batch something is demanded and not shown; if it never is, charges and insured values come back. */
  private async isWithheld({ landing }: BatchRecord, head: bigint): Promise<boolean> {
    return (await this.parts.chain.requests.unanswered(landing!.batchId, head)) > 0n;
  }

  private fault(err: unknown, text: string): void {
    this.parts.onProblem(text);
    this.parts.log.warn({ event: 'chain.fault', err }, text);
  }
}

function outcomeOf(phase: number): 'upheld' | 'overturned' | undefined {
  if (phase === EXECUTOR_LOST) return 'overturned';
  return phase === CHALLENGER_LOST ? 'upheld' : undefined;
}
