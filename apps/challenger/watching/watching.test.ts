import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Chain } from '#io/chain';
import { createLogger } from '#platform';
import { watchBatches, type SeenBatch } from './batch-watch.js';
import { BlockCursor } from './cursor.js';

const log = createLogger({ name: 'test', level: 'error' });
let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'assay-watch-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const stored = () => (JSON.parse(readFileSync(join(dir, 'cursor.json'), 'utf8')) as { nextBlock: string }).nextBlock;

/** A chain of batches by block, read from a block on in pages of one block; ends when all was read and the signal aborts. */
function chainOf(batches: Record<number, number[]>, asked: bigint[] = []): Pick<Chain, 'events' | 'deployment'> {
  async function* events({ fromBlock, signal }: { fromBlock: bigint; signal: AbortSignal }) {
    asked.push(fromBlock);
    const last = Math.max(...Object.keys(batches).map(Number));
    for (let block = fromBlock; block <= BigInt(last); block++) {
      const ids = batches[Number(block)] ?? [];
      yield { from: block, to: block, head: BigInt(last), rewound: false, events: ids.map((id) => committed(id, block)) };
    }
    while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { events, deployment: { deployedBlock: 1 } } as unknown as Pick<Chain, 'events' | 'deployment'>;
}

const committed = (id: number, blockNumber: bigint) => ({ eventName: 'BatchCommitted', blockNumber, transactionHash: '0x00', args: { batchId: BigInt(id), root: '0x00', count: 1, coordinator: '0x00' } });

describe('watchBatches', () => {
  it('hands over each batch once and moves its cursor behind the last block', async () => {
    const stop = new AbortController();
    const seen: bigint[] = [];
    const watching = watchBatches({ chain: chainOf({ 3: [1, 2], 5: [3] }), cursor: await BlockCursor.open(dir), onBatch: async ({ batchId }) => void seen.push(batchId), signal: stop.signal, log });
    await expect.poll(() => seen).toEqual([1n, 2n, 3n]);
    await expect.poll(stored).toBe('6');
    stop.abort();
    await watching;
  });

  it('never moves the cursor past a batch in work, and after a restart begins with it', async () => {
    const stop = new AbortController();
    const slow: SeenBatch[] = [];
    const onBatch = (batch: SeenBatch) => (batch.batchId === 2n ? new Promise<void>((resolve) => (slow.push(batch), stop.signal.addEventListener('abort', () => resolve()))) : Promise.resolve());
    const watching = watchBatches({ chain: chainOf({ 3: [1], 4: [2], 7: [3] }), cursor: await BlockCursor.open(dir), onBatch, signal: stop.signal, log });
    await expect.poll(() => slow.length).toBe(1);
    await expect.poll(stored).toBe('4');
    stop.abort();
    await watching;
    expect(stored()).toBe('4');

    const again = new AbortController();
    const asked: bigint[] = [];
    const seen: bigint[] = [];
    const second = watchBatches({ chain: chainOf({ 3: [1], 4: [2], 7: [3] }, asked), cursor: await BlockCursor.open(dir), onBatch: async ({ batchId }) => void seen.push(batchId), signal: again.signal, log });
    await expect.poll(() => seen).toEqual([2n, 3n]);
    expect(asked).toEqual([4n]);
    again.abort();
    await second;
  });

  it('says so when its cursor file is damaged, instead of skipping or repeating everything', async () => {
    writeFileSync(join(dir, 'cursor.json'), '{"nextBlock":"4');
    await expect((await BlockCursor.open(dir)).read()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});
