import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Root } from '#core/hashing';
import { claimDigest, type JobState } from '#core/protocol';
import { CoordinatorClient } from '#io/rpc';
import { freePort, PROJECT_ROOT, startChild, type Child } from '#testing';
import { Surroundings, type TestExecutor } from '../../apps/coordinator/coordinator.fixture.js';

interface Coordinator {
  readonly child: Child;
  readonly client: CoordinatorClient;
}

const ROUND = 20;
const killed = new Set<Coordinator>();
const living = () => running.filter((one) => !killed.has(one));
let world: Surroundings;
let dir: string;
let database: pg.Client;
let executors: TestExecutor[];
const running: Coordinator[] = [];

beforeAll(async () => {
  world = await Surroundings.start();
  dir = mkdtempSync(join(tmpdir(), 'assay-coordinators-'));
  database = new pg.Client({ connectionString: world.postgres.url });
  await database.connect();
  executors = [await world.executor(0), await world.executor(1)];
}, 120_000);

afterAll(async () => {
  await Promise.all(running.map(({ client, child }) => (client.close(), child.stop())));
  await Promise.all(executors.map((executor) => executor.stop()));
  await database.end();
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

/** A coordinator process of its own, with a folder of its own, on the one database. */
async function start(name: string): Promise<Coordinator> {
  const port = await freePort();
  const env = { ...world.environment(port), DATABASE_URL: world.postgres.url, ASSAY_DATA_DIR: join(dir, name), ASSAY_LOG_LEVEL: 'info' };
  const child = await startChild({ name, command: process.execPath, args: [join(PROJECT_ROOT, 'dist/apps/coordinator/main.js')], env, logFile: join(dir, `${name}.log`) });
  const coordinator = { child, client: new CoordinatorClient(`127.0.0.1:${port}`) };
  running.push(coordinator);
  return coordinator;
}

async function holder(role: string): Promise<{ process: number; token: bigint }> {
  const { rows } = await database.query<{ holder: string; token: string }>('SELECT holder, token FROM "Role" WHERE name = $1', [role]);
  return { process: Number(rows[0]!.holder.split('-').at(-2)), token: BigInt(rows[0]!.token) };
}

async function submitted(to: readonly CoordinatorClient[]): Promise<Root[]> {
  const submissions = await Promise.all(Array.from({ length: ROUND }, () => world.signed()));
  await Promise.all(submissions.map((submission, i) => to[i % to.length]!.submit(submission)));
  return submissions.map(({ jobId }) => jobId);
}

async function untilFinal(client: CoordinatorClient, jobId: Root): Promise<JobState[]> {
  const states: JobState[] = [];
  for await (const job of client.watchJob(jobId, { timeoutMs: 120_000 })) states.push(job.state);
  return states;
}

it('two over one database: either takes jobs, one batches, and the other goes on after kill −9', async () => {
  const [a, b] = [await start('a'), await start('b')];
  const both = [a.client, b.client];
  const { modelId } = await a.client.registerModel({ name: 'mnist', file: world.model.onnx });
  expect(Buffer.from(await b.client.downloadModel(modelId)).equals(Buffer.from(world.model.onnx))).toBe(true);
  const jobs = await submitted(both);

  const before = await holder('batching');
  const victim = running.find(({ child }) => child.pid === before.process)!;
  const survivor = running.find((one) => one !== victim)!;
  const underway = world.signed().then((submission) => victim.client.submit(submission).then(() => submission.jobId, () => submission.jobId));
  victim.child.kill('SIGKILL');
  killed.add(victim);
  const at = Date.now();
  await victim.child.ended;
  await underway;
  jobs.push(...(await submitted([survivor.client])));
  console.log(`jobs submitted after kill -9 were all answered ${Date.now() - at} ms after it`);
  // Answers do not wait for the lease to change hands: only batches do.
  const after = await vi.waitUntil(() => holder('batching').then((now) => now.token > before.token && now), { timeout: 60_000, interval: 200 });
  expect(after.process).toBe(survivor.child.pid);

  for (const jobId of jobs) expect((await untilFinal(survivor.client, jobId)).at(-1)).toBe('final');
  await eachInOneBatch(survivor.client, jobs);
}, 240_000);

it('a job submitted at one is watched at the other', async () => {
  const other = living()[0]!;
  const here = await start('c');
  const submission = await world.signed();
  for (const executor of executors) executor.behave(async (_, honest) => (await new Promise((resolve) => setTimeout(resolve, 500)), honest()));
  await expect(here.client.submit(submission, 50)).rejects.toMatchObject({ code: 'JOB_PENDING' });
  const states: JobState[] = [];
  for await (const job of other.client.watchJob(submission.jobId, { timeoutMs: 60_000 })) states.push(job.state);
  expect(states).toEqual(expect.arrayContaining(['answered', 'challengeable', 'final']));
}, 120_000);

/** Recomputed from the chain alone: every batch's leaves as the coordinator serves them, each claim once. */
async function eachInOneBatch(client: CoordinatorClient, jobs: readonly Root[]): Promise<void> {
  const chain = await world.chainAs(world.stranger);
  const roots = new Map<string, number>();
  for (let id = 1n; id <= (await chain.batches.batchCount()); id++) {
    const { root } = await chain.batches.batch(id);
    roots.set(root, (roots.get(root) ?? 0) + 1);
  }
  for (const [root, times] of roots) expect(times, `batch ${root}`).toBe(1);
  const claims = new Set<Root>();
  for (const jobId of jobs) {
    const { receipt } = await client.job(jobId, { withOutputs: true });
    const digest = claimDigest(world.network, receipt!.claim.message);
    expect(await chain.batches.includes(receipt!.batch!.id, digest, receipt!.batch!.proof)).toBe(true);
    claims.add(digest);
  }
  expect(claims.size).toBe(jobs.length);
}
