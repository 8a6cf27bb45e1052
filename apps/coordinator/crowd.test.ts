import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import type { CoordinatorClient } from '#io/rpc';
import { Surroundings, UNIT, type TestExecutor } from './coordinator.fixture.js';

const GREEDY = 120;
const MODEST = 4;
/** What the one executor holds at once. */
const HELD = 4;
/** Those held when the modest one comes, then turn by turn, and once more as many as are held, which are given away before turns count. */
const LATEST = HELD + 2 * MODEST + HELD;
/** Submissions on a stream that nobody reads; of them only what transport and stream hold may be worked on. */
const UNREAD = 200;
const MOST_AHEAD = 150;

const PATIENCE_MS = 120_000;

let world: Surroundings;
let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
let client: CoordinatorClient;
let executor: TestExecutor;

beforeAll(async () => {
  world = await Surroundings.start();
  coordinator = await world.coordinator('crowd', { ASSAY_LEASE_MS: String(PATIENCE_MS) });
  client = coordinator.client;
  executor = await world.executor(0);
  await client.registerModel({ name: 'mnist', file: world.model.onnx });
  const chain = await world.chainAs(world.stranger);
  await chain.token.mint(world.stranger.account.address, UNIT);
  await chain.vault.deposit(world.stranger.account.address, UNIT);
}, 180_000);

afterAll(async () => {
  await executor?.stop();
  await coordinator?.stop();
  await world?.stop();
});

it('one who submits without measure does not starve another', async () => {
  const order: Root[] = [];
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  executor.behave((job, honest) => (order.push(job.jobId), gate.then(honest)));
  const greedy = await Promise.all(Array.from({ length: GREEDY }, () => world.signed()));
  const flood = Promise.all(greedy.map((submission) => client.submit(submission, PATIENCE_MS)));
  await waiting(GREEDY - HELD);
  const modest = await Promise.all(Array.from({ length: MODEST }, () => world.signed({ submitter: world.stranger.account.address }, { by: world.stranger })));
  const served = Promise.all(modest.map((submission) => client.submit(submission, PATIENCE_MS)));
  await waiting(GREEDY - HELD + MODEST);
  open();
  await served;
  expect(await flood).toHaveLength(GREEDY);
  expect(Math.max(...modest.map(({ jobId }) => order.indexOf(jobId)))).toBeLessThan(LATEST);
}, 240_000);

/** Until so many jobs wait for an executor. */
async function waiting(count: number): Promise<void> {
  await expect.poll(async () => (await client.status()).jobs.accepted ?? 0, { timeout: PATIENCE_MS, interval: 200 }).toBe(count);
}

it('who does not read the answers on a stream is not worked for beyond what fits in between', async () => {
  const worked = new Set<Root>();
  executor.behave((job, honest) => (worked.add(job.jobId), honest()));
  const jobs = await Promise.all(Array.from({ length: UNREAD }, async (_, i) => ({ tag: String(i), ...(await world.signed()) })));
  const answers = client.submitStream(jobs);
  const tags = new Set([(await answers.next()).value!.tag]);
  // WHY a wait: that something does not happen shows only with time; a slow machine makes it happen less.
  for (let before = -1; before < worked.size; ) {
    before = worked.size;
    await sleep(1_500);
  }
  console.log(`${worked.size} of ${UNREAD} jobs of the stream that nobody reads were worked on`);
  expect(worked.size).toBeLessThanOrEqual(MOST_AHEAD);
  for await (const answer of answers) tags.add(answer.tag);
  expect(tags.size).toBe(UNREAD);
  expect(worked.size).toBe(UNREAD);
}, 240_000);
