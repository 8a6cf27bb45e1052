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

const doneBatches = () => (JSON.parse(readFileSync(join(dir, 'cursor.json'), 'utf8')) as { done: { batchId: string }[] }).done.map(({ batchId }) => batchId);
const stored = () => (JSON.parse(readFileSync(join(dir, 'cursor.json'), 'utf8')) as { nextBlock: string }).nextBlock;

/** A chain of batches by block, read from a block on in pages of one block; ends when all was read and the signal aborts. */
function chainOf(batches: Record<number, number[]>, asked: bigint[] = []): Pick<Chain, 'events' | 'deployment' | 'finalityDepth'> {
  async function* events({ fromBlock, signal }: { fromBlock: bigint; signal: AbortSignal }) {
    asked.push(fromBlock);
    const last = Math.max(...Object.keys(batches).map(Number));
    for (let block = fromBlock; block <= BigInt(last); block++) {
      const ids = batches[Number(block)] ?? [];
      yield { from: block, to: block, head: block, rewound: false, events: ids.map((id) => committed(id, block)) };
    }
    while (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { events, deployment: { deployedBlock: 1 }, finalityDepth: 64n } as unknown as Pick<Chain, 'events' | 'deployment' | 'finalityDepth'>;
}

const committed = (id: number, blockNumber: bigint) => ({ eventName: 'BatchCommitted', blockNumber, transactionHash: '0x00', args: { batchId: BigInt(id), coordinator: '0x00', batch: { root: '0x00', count: 1 } } });

describe('watchBatches', () => {
  it('hands over each batch once and moves its cursor behind the last block', async () => {
    const stop = new AbortController();
    const seen: bigint[] = [];
    const watching = watchBatches({ chain: chainOf({ 3: [1, 2], 5: [3] }), cursor: await BlockCursor.open(dir), onBatch: async ({ batchId }) => (seen.push(batchId), false), signal: stop.signal, log });
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual([1n, 2n, 3n]);
    await expect.poll(stored, { timeout: 20_000 }).toBe('6');
    stop.abort();
    await watching;
  });

  it('never moves the cursor past a batch in work, and after a restart begins with it', async () => {
    const stop = new AbortController();
    const slow: SeenBatch[] = [];
    const onBatch = (batch: SeenBatch) => (batch.batchId === 2n ? new Promise<boolean>((resolve) => (slow.push(batch), stop.signal.addEventListener('abort', () => resolve(false)))) : Promise.resolve(false));
    const watching = watchBatches({ chain: chainOf({ 3: [1], 4: [2], 7: [3] }), cursor: await BlockCursor.open(dir), onBatch, signal: stop.signal, log });
    await expect.poll(() => slow.length, { timeout: 20_000 }).toBe(1);
    await expect.poll(stored, { timeout: 20_000 }).toBe('4');
    stop.abort();
    await watching;
    expect(stored()).toBe('4');

    const again = new AbortController();
    const asked: bigint[] = [];
    const seen: bigint[] = [];
    const second = watchBatches({ chain: chainOf({ 3: [1], 4: [2], 7: [3] }, asked), cursor: await BlockCursor.open(dir), onBatch: async ({ batchId }) => (seen.push(batchId), false), signal: again.signal, log });
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual([2n, 3n]);
    expect(asked).toEqual([4n]);
    again.abort();
    await second;
  });

  it('after a restart leaves out what is worked off and final, however long another batch holds the cursor back', async () => {
    const chain = (asked: bigint[] = []) => chainOf({ 3: [1], 4: [2], 90: [3], 95: [] }, asked);
    const run = async (ends: (seen: bigint[]) => Promise<void>) => {
      const stop = new AbortController();
      const seen: bigint[] = [];
      const onBatch = ({ batchId }: SeenBatch) => (seen.push(batchId), batchId === 1n ? new Promise<boolean>((resolve) => stop.signal.addEventListener('abort', () => resolve(false))) : Promise.resolve(false));
      const watching = watchBatches({ chain: chain(), cursor: await BlockCursor.open(dir), onBatch, signal: stop.signal, log });
      await ends(seen);
      stop.abort();
      await watching;
    };
    writeFileSync(join(dir, 'cursor.json'), '{"nextBlock":"3"}');
    await run((seen) => expect.poll(() => [seen, stored(), doneBatches()], { timeout: 20_000 }).toEqual([[1n, 2n, 3n], '3', ['2']]));
    await run((seen) => expect.poll(() => [seen, stored(), doneBatches()], { timeout: 20_000 }).toEqual([[1n, 3n], '3', ['2']]));
  });

  it('takes again what a reorganisation changed: the batch, its beacon, or what was sent for it', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const page = (from: number, to: number, ids: number[], rewound = false) => ({ from: BigInt(from), to: BigInt(to), head: BigInt(to), rewound, events: ids.map((id) => committed(id, BigInt(from))) });
    async function* events() {
      yield page(3, 3, [1]);
      yield page(4, 4, [2]);
      yield page(5, 5, []);
      yield page(6, 6, []);
      yield page(90, 90, [3]);
      yield page(91, 95, [4]);
      // Blocks from 92 on are void: batch 3 is worked off and may have sent something since, batch 1 is final.
      yield page(92, 92, [], true);
      yield page(93, 93, []);
      // Batch 4 itself is void, and comes again in another block.
      yield page(91, 91, [], true);
      yield page(92, 94, [4]);
      while (!stop.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const chain = { events, deployment: { deployedBlock: 1 }, finalityDepth: 64n } as never;
    const onBatch = async ({ batchId, block }: SeenBatch) => (seen.push(`${batchId}@${block}`), batchId === 3n);
    const watching = watchBatches({ chain, cursor: await BlockCursor.open(dir), onBatch, signal: stop.signal, log });
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(['1@3', '2@4', '3@90', '4@91', '3@90', '4@91', '3@90', '4@92']);
    await expect.poll(stored, { timeout: 20_000 }).toBe('90');
    stop.abort();
    await watching;
  });

  it('says so when its cursor file is damaged, instead of skipping or repeating everything', async () => {
    writeFileSync(join(dir, 'cursor.json'), '{"nextBlock":"4');
    await expect((await BlockCursor.open(dir)).read()).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});
