import { unpackGame } from '#core/dispute';
import type { Chain, ChainEvent, EventPage } from '#io/chain';
import type { Storage } from '#io/storage';
import type { Logger } from '#platform';
import { isCommitted, landingOf } from '../batching/batch-ledger.js';

export interface ChainFollowerParts {
  readonly chain: Pick<Chain, 'events' | 'client' | 'deployment' | 'batches'>;
  readonly storage: Pick<Storage, 'batches' | 'disputes' | 'cursors'>;
  readonly now: () => number;
  readonly log: Logger;
}

const CURSOR = 'chain';
/** Game.phase after its end (docs/protocol.md section 4). */
const EXECUTOR_LOST = 4;
const CHALLENGER_LOST = 5;
const RETRY_MS = 1_000;

/** The block up to which events are in the store. */
export async function readUpTo({ storage, chain }: Pick<ChainFollowerParts, 'storage' | 'chain'>): Promise<bigint> {
  return (await storage.cursors.read(CURSOR)) ?? BigInt(chain.deployment.deployedBlock) - 1n;
}

/**
 * Brings what happens on chain into the store: batches that landed, disputes, the end of the challenge window.
 * Every event may be seen twice, after a restart or a reorganisation; the store takes it once.
 */
export class ChainFollower {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private problemText: string | undefined;
  private window: bigint | undefined;

  constructor(private readonly parts: ChainFollowerParts) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** For health: undefined while the chain answers. */
  problem(): string | undefined {
    return this.problemText;
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
    const fromBlock = (await readUpTo(this.parts)) + 1n;
    const onError = (err: unknown) => this.fault(err, 'the chain does not answer; trying again');
    for await (const page of chain.events({ fromBlock, signal: this.stopping.signal, onError })) {
      await this.take(page);
      this.problemText = undefined;
    }
  }

  private async take(page: EventPage): Promise<void> {
    for (const event of page.events) await this.apply(event);
    await this.parts.storage.cursors.write(CURSOR, page.to);
    if (page.to === page.head) await this.finalize(page.to);
  }

  private async apply(event: ChainEvent): Promise<void> {
    const { storage, log } = this.parts;
    const now = new Date(this.parts.now());
    if (isCommitted(event)) {
      if (await storage.batches.land(event.args.root, await landingOf(this.parts.chain, event), now)) log.info({ event: 'batch.found', batchId: event.args.batchId, root: event.args.root }, 'a batch was found on chain');
    } else if (event.eventName === 'Opened') {
      const { gameId, claim, challenger, executor } = event.args;
      await storage.disputes.opened({ gameId, claimDigest: claim, challenger, now });
      log.info({ event: 'dispute.opened', gameId, claim, executor, challenger, block: event.blockNumber }, 'dispute opened');
    } else if (event.eventName === 'Ended') {
      const { gameId } = event.args;
      const game = unpackGame(event.args.game);
      const outcome = outcomeOf(game.phase);
      if (!outcome) return log.error({ event: 'dispute.phase', gameId, phase: game.phase }, 'a dispute ended in a phase that is no end');
      await storage.disputes.ended(gameId, outcome, now);
      log.info({ event: 'dispute.ended', gameId, claim: game.claim, outcome, block: event.blockNumber }, `dispute ended: claim ${outcome}`);
    }
  }

  private async finalize(head: bigint): Promise<void> {
    const { chain, storage, log } = this.parts;
    this.window ??= await chain.batches.challengeWindow();
    const { timestamp } = await chain.client.getBlock({ blockNumber: head });
    for (const batch of await storage.batches.pastWindow(timestamp - this.window)) {
      const jobIds = await storage.batches.finalize(batch.seq, new Date(this.parts.now()));
      if (jobIds.length > 0) log.info({ event: 'batch.final', batchId: batch.landing?.batchId, jobs: jobIds.length }, 'jobs are final');
    }
  }

  private fault(err: unknown, text: string): void {
    this.problemText = text;
    this.parts.log.warn({ event: 'chain.fault', err }, text);
  }
}

function outcomeOf(phase: number): 'upheld' | 'overturned' | undefined {
  if (phase === EXECUTOR_LOST) return 'overturned';
  return phase === CHALLENGER_LOST ? 'upheld' : undefined;
}
