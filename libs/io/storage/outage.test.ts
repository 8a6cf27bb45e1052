import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROJECT_ROOT, startPostgres, type RunningPostgres } from '#testing';
import { openStorage, type Storage } from './storage.js';

let postgres: RunningPostgres;
let storage: Storage;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'assay-outage-'));
  postgres = await startPostgres();
  storage = await openStorage({ database: { url: postgres.url }, migrations: join(PROJECT_ROOT, 'prisma/migrations'), artifacts: dir });
}, 120_000);

afterAll(async () => {
  await storage?.close();
  await postgres?.stop();
  rmSync(dir, { recursive: true, force: true });
});

it('a database that crashed is DATABASE_UNREACHABLE for every question and change, without a word of SQL, and works again after its restart', async () => {
  const id = `0x${'01'.repeat(32)}` as const;
  const asked = () => [storage.jobs.byId(id), storage.jobs.waiting(1), storage.batches.dissolve(1, new Date()), storage.disputes.opened({ gameId: id, claimDigest: id, challenger: '0x00000000000000000000000000000000000000c1', now: new Date() }), storage.roles.hold('batching', { holder: 'me', ttlMs: 1_000 })];
  await Promise.allSettled(asked());
  await postgres.crash();
  for (const outcome of await Promise.allSettled(asked())) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DATABASE_UNREACHABLE', message: 'The database does not answer.' } });
  await postgres.restart();
  expect(await storage.jobs.byId(id)).toBeUndefined();
  await expect(storage.batches.dissolve(1, new Date())).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
}, 120_000);
