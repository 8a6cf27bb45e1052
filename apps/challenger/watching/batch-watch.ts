import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import type { Chain } from '#io/chain';
import type { Logger } from '#platform';
import type { BlockCursor } from './cursor.js';

export interface SeenBatch {
  readonly batchId: bigint;
  readonly root: Root;
  readonly count: number;
  readonly coordinator: Address;
  readonly block: bigint;
}

export interface BatchWatchParts {
  readonly chain: Pick<Chain, 'events' | 'deployment'>;
  readonly cursor: BlockCursor;
  /** Works a batch off; must not throw. */
  readonly onBatch: (batch: SeenBatch) => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Batches in work at once; the stream waits for one to end before it takes another. */
const MAX_OPEN_BATCHES = 64;

/**
 * Hands over every committed batch once, and after a restart every one that was not worked off.
 * INVARIANT: the cursor never passes a block with a batch that is still in work.
 */
export async function watchBatches({ chain, cursor, onBatch, signal, log }: BatchWatchParts): Promise<void> {
  const open = new Map<bigint, { block: bigint; done: Promise<void> }>();
  const fromBlock = (await cursor.read()) ?? BigInt(chain.deployment.deployedBlock);
  let nextBlock = fromBlock;
  const advance = () => cursor.write([...open.values()].reduce((low, { block }) => (block < low ? block : low), nextBlock));
  const take = async (batch: SeenBatch) => {
    if (open.size >= MAX_OPEN_BATCHES) await Promise.race([...open.values()].map(({ done }) => done));
    const done = onBatch(batch).finally(() => {
      open.delete(batch.batchId);
      // WHY not when stopping: an aborted batch is not worked off.
      if (!signal.aborted) void advance().catch((err: unknown) => log.error({ event: 'cursor.failed', err }, 'the cursor could not be written'));
    });
    open.set(batch.batchId, { block: batch.block, done });
  };
  const onError = (err: unknown) => log.warn({ event: 'chain.silent', err }, 'the chain does not answer; trying again');
  for await (const page of chain.events({ fromBlock, signal, onError })) {
    for (const event of page.events) {
      if (event.eventName !== 'BatchCommitted' || open.has(event.args.batchId)) continue;
      const { batchId, root, count, coordinator } = event.args;
      log.info({ event: 'batch.seen', batchId, root, count, block: event.blockNumber, txHash: event.transactionHash }, 'batch seen');
      await take({ batchId, root, count, coordinator, block: event.blockNumber });
    }
    nextBlock = page.to + 1n;
    if (!signal.aborted) await advance();
  }
  await Promise.all([...open.values()].map(({ done }) => done));
}
