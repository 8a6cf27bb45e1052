import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { PROJECT_ROOT, startPostgres, type RunningPostgres } from '#testing';
import { openDatabase } from './database.js';
import { PrismaClient } from './generated/client.js';
import { openStorage, type DatabaseLocation, type Storage } from './index.js';
import { migrate } from './migration.js';

const MIGRATIONS = join(PROJECT_ROOT, 'prisma/migrations');
const ALL = readdirSync(MIGRATIONS).filter((name) => /^\d{4}_/.test(name)).sort();
const NOW = new Date('2026-11-21T00:00:00Z');
const root = (n: number): Root => `0x${n.toString(16).padStart(64, '0')}`;
const account = (n: number) => `0x${n.toString(16).padStart(40, '0')}`;
const EXECUTOR = account(0xe1);

/** What a coordinator of version 0001 leaves in the middle of its work: one job in every state on the way, by number. */
const JOBS = [
  { n: 1, state: 'accepted' },
  { n: 2, state: 'assigned' },
  { n: 3, state: 'answered' },
  { n: 4, state: 'batched', batch: 1 },
  { n: 5, state: 'challengeable', batch: 2 },
  { n: 6, state: 'disputed', batch: 2 },
  { n: 7, state: 'final', batch: 3 },
] as const;

function liveData(): string[] {
  const request = (n: number) => JSON.stringify({ submitter: account(0x5b), modelId: root(0xa0), inputRoot: root(0xb0), maxFee: '340282366920938463463374607431768211455', insuredValue: '7', deadline: '2000000000', nonce: String(n), verification: 0, redundancy: 1 });
  const batch = (seq: number, state: string, chain: string) => `INSERT INTO "Batch" VALUES (${seq}, '${root(0xd0 + seq)}', 1, '[{"executor":"${EXECUTOR}","fees":"5","insuredValue":"7"}]', '[]', '${state}', ${chain}, '2026-11-20')`;
  return [
    `INSERT INTO "Model" VALUES ('${root(0xa0)}', 'net', 10, '{"inputs":[],"outputs":[]}', '${root(0xf0)}', '2026-11-20')`,
    `INSERT INTO "ModelName" VALUES ('net', '${root(0xa0)}')`,
    batch(1, 'fixed', 'NULL, NULL, NULL, NULL'),
    batch(2, 'landed', `1, '${root(0xc0)}', 100, 1700000000`),
    batch(3, 'final', `2, '${root(0xc1)}', 50, 1600000000`),
    `SELECT setval('"Batch_seq_seq"', 3)`,
    ...JOBS.flatMap(({ n, state, ...more }) => {
      const claimed = n >= 3;
      const [leaf, seq] = 'batch' in more ? [n, more.batch] : ['NULL', 'NULL'];
      return [
        `INSERT INTO "Job" VALUES ('${root(n)}', '${account(0x5b)}', ${n}, '${root(0xa0)}', '${request(n)}', '0x01', 5, '{}', '${state}', ${n >= 2 ? `'${EXECUTOR}'` : 'NULL'}, ${n === 2 ? `'2026-11-20'` : 'NULL'}, '{}', ${claimed ? `'${root(0x100 + n)}'` : 'NULL'}, NULL, NULL, 2000000000, '2026-11-20', '2026-11-20')`,
        ...(claimed ? [`INSERT INTO "Claim" VALUES ('${root(0x100 + n)}', '${root(n)}', '${EXECUTOR}', '${account(0xc0)}', '${root(0xb1)}', 5, 7, '0x02', '{}', ${seq}, ${leaf}, '2026-11-20')`] : []),
      ];
    }),
    `INSERT INTO "Dispute" VALUES ('${root(0x200)}', '${root(0x106)}', '${account(0xcc)}', 'open')`,
    `INSERT INTO "Cursor" VALUES ('chain', 100)`,
  ];
}

let folder: string;
let postgres: RunningPostgres;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-upgrade-'));
  postgres = await startPostgres();
}, 120_000);
afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The migrations up to one of an earlier version. */
function migrationsUntil(last: string): string {
  const until = join(folder, `until-${last}`);
  cpSync(join(MIGRATIONS, 'migration_lock.toml'), join(until, 'migration_lock.toml'));
  for (const name of ALL.slice(0, ALL.indexOf(last) + 1)) cpSync(join(MIGRATIONS, name), join(until, name), { recursive: true });
  return until;
}

// WHY these two: the version before this, and the first of all.
describe.each([
  [ALL.at(-2)!, 'PGlite', (): DatabaseLocation => ({ folder: join(folder, 'pglite') })],
  [ALL[0]!, 'PostgreSQL', (): DatabaseLocation => ({ url: postgres.url })],
])('a database of version %s on %s, in the middle of its work', (version, _, place) => {
  let storage: Storage;
  let before: string;

  beforeAll(async () => {
    before = migrationsUntil(version);
    const database = await openDatabase(place());
    await database.apart((factory) => migrate(factory, before));
    const prisma = new PrismaClient({ adapter: database.factory as SqlDriverAdapterFactory });
    for (const statement of liveData()) await prisma.$executeRawUnsafe(statement);
    await prisma.$disconnect();
    await database.close();
    storage = await openStorage({ database: place(), migrations: MIGRATIONS, artifacts: join(folder, 'artifacts') });
  }, 120_000);

  it('has every job, claim, batch, dispute and cursor afterwards', async () => {
    for (const { n, state } of JOBS) expect(await storage.jobs.byId(root(n)), `job ${n}`).toMatchObject({ state, fee: 5n, request: { maxFee: 2n ** 128n - 1n } });
    expect((await storage.batches.unbatched(10)).map(({ digest }) => digest)).toEqual([root(0x103)]);
    expect(await storage.batches.bySeq(2)).toMatchObject({ state: 'landed', count: 1, landing: { batchId: 1n, block: 100n } });
    expect(await storage.disputes.open()).toBe(1);
    expect(await storage.cursors.read('chain')).toMatchObject({ block: 100n });
  });

  it('goes on from there: leases of the old process are taken back, its batch is sent, its jobs become final', async () => {
    const fence = (await storage.roles.hold('assignment', { holder: 'new', ttlMs: 60_000 }))!;
    expect(await storage.jobs.reclaim(fence, NOW)).toBe(1);
    expect((await storage.jobs.waiting(10)).map(({ jobId }) => jobId).sort()).toEqual([root(1), root(2)]);
    const [sending] = await storage.batches.notLanded();
    expect(sending).toMatchObject({ seq: 1, nonce: undefined });
    await storage.batches.intend(1, 12);
    expect(await storage.batches.land(root(0xd1), { batchId: 3n, transaction: root(0xc2), block: 101n, committedAt: 1_700_000_100n }, NOW)).toBe(true);
    expect(await storage.batches.finalize(1, NOW)).toEqual([root(4)]);
    expect(await storage.batches.finalize(2, NOW)).toEqual([root(5)]);
    expect(await storage.jobs.cancel(root(1), NOW)).toBeDefined();
    expect((await storage.jobs.byId(root(1)))!.state).toBe('cancelled');
  });

  it('is refused to a process of the version before', async () => {
    await storage.close();
    const opened = openStorage({ database: place(), migrations: before, artifacts: join(folder, 'artifacts') }).then((storage) => storage.close(), (error: unknown) => error);
    expect(await opened).toMatchObject({ code: 'MIGRATION_FAILED', message: expect.stringContaining(`later version: ${ALL.slice(ALL.indexOf(version) + 1).join(', ')}`) });
  }, 60_000);
});
