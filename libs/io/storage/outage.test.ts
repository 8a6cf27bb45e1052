import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Request } from '#core/protocol';
import { PROJECT_ROOT, startPostgres, type RunningPostgres } from '#testing';
import { JobChanges } from './changes.js';
import { CONNECTION, openDatabase, PromptClient } from './database.js';
import { PrismaClient } from './generated/client.js';
import { JobNotifications } from './notifications.js';
import { isOutage } from './outage.js';
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

it('a question waits for its turn while others keep every connection, longer than a connection may take to open', async () => {
  const keeper = new pg.Client({ connectionString: postgres.url });
  await keeper.connect();
  await keeper.query('BEGIN; LOCK TABLE "Job" IN ACCESS EXCLUSIVE MODE');
  const asked = Promise.allSettled(Array.from({ length: 12 }, () => storage.jobs.waiting(1)));
  await sleep(CONNECTION.connectionTimeoutMillis + 1_500);
  await keeper.query('COMMIT');
  await keeper.end();
  for (const outcome of await asked) expect(outcome).toEqual({ status: 'fulfilled', value: [] });
}, 120_000);

it('a server that takes connections and says nothing is DATABASE_UNREACHABLE', async () => {
  const { port: from, hostname: host } = new URL(postgres.url);
  const open = new Set<Socket>();
  let silent = false;
  const server = createServer((socket) => {
    open.add(socket.on('error', () => {}));
    if (!silent) socket.pipe(connect(Number(from), host).on('error', () => {})).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = postgres.url.replace(`:${from}/`, `:${(server.address() as AddressInfo).port}/`);
  const through = await openStorage({ database: { url }, migrations: join(PROJECT_ROOT, 'prisma/migrations'), artifacts: dir });
  silent = true;
  for (const socket of open) socket.destroy();
  await expect(through.jobs.byId(root(1))).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
  for (const socket of open) socket.destroy();
  server.close();
  await through.close();
}, 120_000);

it('a connection that is lost between two statements of a transaction is an outage', async () => {
  const { factory, close } = await openDatabase({ url: postgres.url });
  const prisma = new PrismaClient({ adapter: factory });
  const killer = new pg.Client({ connectionString: postgres.url });
  await killer.connect();
  const work = prisma.$transaction(async (tx) => {
    const [mine] = await tx.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
    await killer.query('SELECT pg_terminate_backend($1)', [mine!.pid]);
    await sleep(500);
    return tx.$queryRaw`SELECT 1`;
  });
  const failure: unknown = await work.catch((error: unknown) => error);
  expect([String(failure), isOutage(failure)]).toEqual([expect.stringContaining('is not queryable'), true]);
  await killer.end();
  await prisma.$disconnect();
  await close();
}, 60_000);

it('a connection that is lost while nobody uses it ends no process', () => {
  expect(() => new PromptClient({ connectionString: postgres.url }).emit('error', new Error('cut'))).not.toThrow();
});

it('jobs of one submitter that wait for each other leave the connections to other questions', async () => {
  const submitter = '0x00000000000000000000000000000000000000c2';
  const keeper = new pg.Client({ connectionString: postgres.url });
  await keeper.connect();
  await keeper.query('SELECT pg_advisory_lock(hashtextextended($1, 1))', [submitter]);
  const request = (nonce: bigint): Request => ({ submitter, modelId: root(0), inputRoot: root(0), maxFee: 1n, insuredValue: 0n, deadline: 2_000_000_000n, nonce, verification: 0, redundancy: 1 });
  const accepted = Array.from({ length: 20 }, (_, i) => storage.jobs.accept({ jobId: root(i + 1), request: request(BigInt(i)), signature: '0x', fee: 1n, inputs: [], now: new Date(), deposit: 0n }));
  const refused = Promise.allSettled(accepted);
  await sleep(500);
  expect(await storage.jobs.byId(root(99))).toBeUndefined();
  expect((await keeper.query('SELECT count(*)::int FROM pg_locks WHERE NOT granted')).rows).toEqual([{ count: 1 }]);
  await keeper.end();
  for (const outcome of await refused) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DEPOSIT_TOO_LOW' } });
}, 120_000);

it('what one process tells another while the server takes its time arrives in order, by one query after the other', async () => {
  const warnings: string[] = [];
  const warned = ({ message }: Error) => void warnings.push(message);
  process.on('warning', warned);
  const [here, there] = [new JobChanges(), new JobChanges()];
  const ends = [new JobNotifications(postgres.url, here, 'here'), new JobNotifications(postgres.url, there, 'there')];
  const heard: string[] = [];
  there.subscribe(({ jobIds }) => void heard.push(...jobIds));
  const asker = new pg.Client({ connectionString: postgres.url });
  await Promise.all([asker.connect(), ...ends.map((end) => end.start())]);
  const { rows } = await asker.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE application_name = 'assay-notifications'");
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
  const told = Array.from({ length: 10 }, (_, i) => root(i));
  for (const id of told) {
    here.publish([id], 'assigned');
    await sleep(10);
  }
  for (const { pid } of rows) process.kill(pid, 'SIGCONT');
  await expect.poll(() => heard, { timeout: 10_000 }).toEqual(told);
  expect(warnings.filter((message) => message.includes('already executing'))).toEqual([]);
  process.off('warning', warned);
  await Promise.all([asker.end(), ...ends.map((end) => end.close())]);
}, 60_000);

const root = (index: number) => `0x${index.toString(16).padStart(64, '0')}` as const;
