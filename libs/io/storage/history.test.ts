import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Hex } from 'viem';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import type { Claim, Request } from '#core/protocol';
import { PROJECT_ROOT, startPostgres, type RunningPostgres } from '#testing';
import { openStorage, type JobRecord, type Storage } from './index.js';

/** Jobs that one submitter sent before, all answered by one executor. */
const PAST = 20_000;
/** In each batch. Of the older half all are final and cleared, of the newer half every second batch is past its window. */
const IN_BATCH = 50;
const HALF = PAST / 2;
/** Rows that a question or a change may read, whatever is past. */
const MOST_ROWS = 100;
const SUBMITTER = `0x${'a1'.repeat(20)}` as const;
const EXECUTOR = `0x${'b2'.repeat(20)}` as const;
const MODEL: Root = `0x${'c3'.repeat(32)}`;
const SIGNATURE: Hex = `0x${'d4'.repeat(65)}`;
const NOW = new Date('2026-11-21T12:00:00Z');
const LATER = new Date(NOW.getTime() + 30_000);
/** As in the database: whole numbers as decimal text. */
const PAST_REQUEST = { submitter: SUBMITTER, modelId: MODEL, inputRoot: MODEL, maxFee: '5', insuredValue: '7', deadline: '2000000000', nonce: '1', verification: 0, redundancy: 1 };
const input: Tensor = { dtype: 'float32', dims: [1], data: new Uint8Array(new Float32Array([1]).buffer) };

let folder: string;
let postgres: RunningPostgres;
let database: pg.Client;
let count = 0;

const root = (): Root => `0x${(++count).toString(16).padStart(64, '0')}`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-history-'));
  postgres = await startPostgres();
  await withStorage((storage) => storage.models.register({ modelId: MODEL, name: 'net', file: 'net.onnx', bytes: 10, signature: { inputs: [], outputs: [] }, profile: root(), registeredAt: NOW }));
  // WHY two: what a connection has read is counted some time later, or when it ends.
  const writing = await connected();
  await writePast(writing);
  await writing.end();
  database = await connected();
}, 120_000);

afterAll(async () => {
  await database?.end();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  return client;
}

async function writePast(client: pg.Client): Promise<void> {
  const id = (of: string) => `'0x${of}' || lpad(to_hex(n), 62, '0')`;
  await client.query(`
    INSERT INTO "Batch" (seq, root, count, totals, charges, state, "chainId", transaction, "committedBlock", "committedAt", "fixedAt")
      SELECT n, ${id('ba')}, ${IN_BATCH}, '[]', '[]', CASE WHEN n % 2 = 0 OR n <= ${HALF / IN_BATCH} THEN 'final' ELSE 'landed' END::"BatchState", n, ${id('7a')}, n, 1000000 + n, now() FROM generate_series(1, ${PAST / IN_BATCH}) n;
    INSERT INTO "Job" (id, submitter, nonce, "modelId", request, signature, fee, inputs, state, executor, tried, "claimDigest", deadline, "acceptedAt", "updatedAt", "clearedAt")
      SELECT ${id('10')}, '${SUBMITTER}', n, '${MODEL}', '${JSON.stringify(PAST_REQUEST)}', '${SIGNATURE}', 5, ARRAY[${id('1e')}], CASE WHEN (n / ${IN_BATCH}) % 2 = 1 OR n < ${HALF} THEN 'final' ELSE 'challengeable' END::"JobState", '${EXECUTOR}', ARRAY[]::text[], ${id('d1')}, 2000000000,
        timestamp '2026-11-21' + n * interval '1 second', timestamp '2026-11-21' + n * interval '1 second', CASE WHEN n < ${HALF} THEN now() END FROM generate_series(0, ${PAST - 1}) n;
    INSERT INTO "Claim" (digest, "jobId", executor, coordinator, "outputRoot", fee, insured, signature, outputs, "batchSeq", "leafIndex", "answeredAt")
      SELECT ${id('d1')}, ${id('10')}, '${EXECUTOR}', '${EXECUTOR}', ${id('0e')}, 5, 7, '${SIGNATURE}', ARRAY[${id('0f')}], n / ${IN_BATCH} + 1, n % ${IN_BATCH}, now() FROM generate_series(0, ${PAST - 1}) n;
    SELECT setval(pg_get_serial_sequence('"Batch"', 'seq'), ${PAST / IN_BATCH});
    ANALYZE`);
}

async function withStorage<T>(work: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = await openStorage({ database: { url: postgres.url }, migrations: join(PROJECT_ROOT, 'prisma/migrations'), artifacts: folder });
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

/** Rows and index entries of jobs, claims, batches that the database has read so far. WHY the wait: a connection counts for all to see when it ends. */
async function rowsRead(): Promise<number> {
  await expect.poll(async () => (await database.query('SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()')).rowCount, { timeout: 20_000 }).toBe(0);
  const { rows } = await database.query<{ sum: string }>(`
    SELECT sum(read) FROM (SELECT relname, seq_tup_read FROM pg_stat_user_tables UNION ALL SELECT relname, idx_tup_read FROM pg_stat_user_indexes) AS _(relname, read)
      WHERE relname IN ('Job', 'Claim', 'Batch', 'Tensor')`);
  return Number(rows[0]!.sum);
}

async function costOf<T>(work: (storage: Storage) => Promise<T>): Promise<{ rows: number; result: T }> {
  const before = await rowsRead();
  const result = await withStorage(work);
  return { rows: (await rowsRead()) - before, result };
}

async function accepted(storage: Storage): Promise<JobRecord> {
  const request: Request = { submitter: SUBMITTER, modelId: MODEL, inputRoot: listRoot([tensorRoot(input)]), maxFee: 5n, insuredValue: 7n, deadline: 2_000_000_000n, nonce: BigInt(1_000_000 + count++), verification: 0, redundancy: 1 };
  return storage.jobs.accept({ jobId: root(), request, signature: SIGNATURE, fee: 5n, inputs: [input], now: NOW, deposit: 1_000n });
}

async function answered(storage: Storage): Promise<Root> {
  const { jobId, request } = await accepted(storage);
  await storage.jobs.lease(jobId, { executor: EXECUTOR, until: LATER, now: NOW });
  const claim: Claim = { jobId, modelId: MODEL, inputRoot: request.inputRoot, outputRoot: listRoot([tensorRoot(input)]), executor: EXECUTOR, coordinator: EXECUTOR, fee: 5n, insuredValue: 7n };
  const digest = root();
  expect(await storage.jobs.answer(jobId, { digest, claim, signature: SIGNATURE, outputs: [input], now: NOW })).toBe(true);
  return digest;
}

async function landed(storage: Storage, leaf: Root): Promise<number> {
  const { seq, root: batchRoot } = await storage.batches.fix({ root: root(), leaves: [leaf], totals: [], charges: [], now: NOW });
  await storage.batches.intend(seq, 1);
  expect(await storage.batches.land(batchRoot, { batchId: BigInt(1_000_000 + seq), transaction: root(), block: 900_000n, committedAt: 2_000_000n }, NOW)).toBe(true);
  return seq;
}

it.each<[string, (storage: Storage) => Promise<unknown>]>([
  ['accepting a job', accepted],
  ['a whole job, batched and final', async (storage) => storage.batches.finalize(await landed(storage, await answered(storage)), NOW)],
  ['what waits for an executor', (storage) => storage.jobs.waiting(32)],
  ['what is overdue', (storage) => storage.jobs.overdue(NOW, 32)],
  ['leases that expired', (storage) => storage.jobs.leasesExpired(NOW, 32)],
  ['who waits for how many answers', (storage) => storage.jobs.unanswered()],
  ['how many jobs are under way', (storage) => storage.jobs.oldestByState(['accepted', 'assigned', 'answered', 'batched', 'disputed', 'upheld', 'overturned'])],
  ['removing old tensors', (storage) => storage.retention.clear({ before: new Date(Date.UTC(2026, 10, 21, 0, 0, HALF)), limit: 100, now: NOW })],
  ['fees promised', (storage) => storage.jobs.unchargedFees(SUBMITTER)],
  ['what an executor insures', (storage) => storage.batches.promisedBy(EXECUTOR)],
  ['claims in no batch', (storage) => storage.batches.unbatched(100)],
  ['forsaking an executor', (storage) => storage.batches.forsake(EXECUTOR, NOW)],
  ['batches not on chain', (storage) => storage.batches.notLanded()],
  ['batches past their window', (storage) => storage.batches.pastWindow(1_000_000n)],
  ['batches in blocks taken back', (storage) => storage.batches.unland(950_000n, NOW)],
  ['the newest batches', (storage) => storage.batches.recent(20)],
  ['the newest jobs', (storage) => storage.jobs.ofSubmitter({ submitter: SUBMITTER, states: [], modelId: undefined, before: undefined, limit: 20 })],
  ['disputes', (storage) => storage.disputes.open()],
])('%s costs the same however much is past', async (_, work) => {
  const { rows } = await costOf(work);
  expect(rows).toBeLessThan(MOST_ROWS);
});
