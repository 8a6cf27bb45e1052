import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Address, Hex } from 'viem';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { JOB_STATES, type Claim, type JobState, type Request } from '#core/protocol';
import { PROJECT_ROOT, seededRandom, startPostgres, type RunningPostgres } from '#testing';
import { openStorage, type DatabaseLocation, type JobChange, type JobRecord, type Storage } from './index.js';

const MIGRATIONS = join(PROJECT_ROOT, 'prisma/migrations');
const random = seededRandom(20261121);
const root = (): Root => `0x${Buffer.from(random.bytes(32)).toString('hex')}`;
const address = (): Address => `0x${Buffer.from(random.bytes(20)).toString('hex')}`;
const signature = (): Hex => `0x${Buffer.from(random.bytes(65)).toString('hex')}`;
const tensor = (): Tensor => ({ dtype: 'float32', dims: [2, 2], data: new Uint8Array(new Float32Array([random.next(), 1, 2, 3]).buffer) });
const T0 = new Date('2026-11-21T00:00:00Z');
const later = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
/** The largest whole numbers that the request's types hold. */
const UINT128 = 2n ** 128n - 1n;
const UINT64 = 2n ** 64n - 1n;

let folder: string;
let postgres: RunningPostgres;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-storage-'));
  postgres = await startPostgres();
}, 120_000);

afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ['PGlite', (): DatabaseLocation => ({ folder: join(folder, 'pglite') })],
  ['PostgreSQL', (): DatabaseLocation => ({ url: postgres.url })],
])('storage on %s', (name, database) => {
  let storage: Storage;
  let modelId: Root;
  const changes: JobChange[] = [];

  beforeAll(async () => {
    storage = await openStorage({ database: database(), migrations: MIGRATIONS, artifacts: join(folder, `${name}-artifacts`) });
    storage.onJobChange((change) => changes.push(change));
    modelId = root();
    await storage.models.register({ modelId, name: 'net', file: 'net.onnx', bytes: 10, signature: { inputs: [], outputs: [] }, profile: root(), registeredAt: T0 });
  }, 120_000);

  afterAll(() => storage?.close());

  async function accepted(change: Partial<Request> = {}, fee = 5n) {
    const inputs = [tensor()];
    const request: Request = {
      ...{ submitter: address(), modelId, inputRoot: listRoot(inputs.map(tensorRoot)), maxFee: 10n, insuredValue: 7n },
      ...{ deadline: 2_000_000_000n, nonce: BigInt(random.between(0, 2 ** 31)), verification: 0, redundancy: 1, ...change },
    };
    return storage.jobs.accept({ jobId: root(), request, signature: signature(), fee, inputs, now: T0 });
  }

  async function answered(executor = address(), fee = 5n) {
    const job = await accepted({}, fee);
    const outputs = [tensor()];
    const claim = claimOf(job, executor, outputs);
    return { jobId: job.jobId, digest: await answeredBy(job, executor, outputs, claim), executor, claim, outputs };
  }

  function claimOf({ jobId, request, fee }: JobRecord, executor: Address, outputs: readonly Tensor[]): Claim {
    return { jobId, modelId, inputRoot: request.inputRoot, outputRoot: listRoot(outputs.map(tensorRoot)), executor, coordinator: address(), fee, insuredValue: request.insuredValue };
  }

  async function answeredBy(job: JobRecord, executor = address(), outputs = [tensor()], claim = claimOf(job, executor, outputs)) {
    const digest = root();
    await storage.jobs.lease(job.jobId, { executor, until: later(30), now: T0 });
    expect(await storage.jobs.answer(job.jobId, { digest, claim, signature: signature(), outputs, now: T0 })).toBe(true);
    return digest;
  }

  async function batched(count = 2) {
    const claims = [];
    for (let i = 0; i < count; i++) claims.push(await answered());
    const leaves = claims.map((claim) => claim.digest);
    const batch = await storage.batches.fix({ root: root(), leaves, totals: [{ executor: address(), fees: UINT128, insuredValue: 3n }], charges: [], now: T0 });
    return { claims, batch };
  }

  async function landed(count = 2) {
    const { claims, batch } = await batched(count);
    const landing = { batchId: BigInt(random.between(1, 2 ** 31)), transaction: root(), block: 12n, committedAt: 1_000n };
    expect(await storage.batches.land(batch.root, landing, T0)).toBe(true);
    return { claims, batch, landing };
  }

  const stateOf = async (jobId: Root) => (await storage.jobs.byId(jobId))?.state;

  it('gives back a job as it was accepted, also the largest numbers', async () => {
    const job = await accepted({ maxFee: UINT128, insuredValue: UINT128, nonce: UINT64 }, UINT128);
    expect(job).toMatchObject({ state: 'accepted', fee: UINT128, tried: [], executor: undefined, claimDigest: undefined });
    expect(job.request).toMatchObject({ maxFee: UINT128, insuredValue: UINT128, nonce: UINT64 });
    expect(await storage.jobs.byNonce(job.request.submitter, UINT64)).toEqual(job);
    const [input] = await storage.tensors.byRoots(job.inputs);
    expect(tensorRoot(input!)).toBe(job.inputs[0]);
  });

  it('takes the same request once and refuses another one with its nonce', async () => {
    const job = await accepted();
    const same = { jobId: job.jobId, request: job.request, signature: job.signature, fee: job.fee, inputs: [tensor()], now: T0 };
    expect(await storage.jobs.accept(same)).toEqual(job);
    await expect(storage.jobs.accept({ ...same, jobId: root() })).rejects.toMatchObject({ code: 'NONCE_REUSED', facts: { jobId: job.jobId } });
  });

  it('takes one of many equal submissions at once', async () => {
    const inputs = [tensor()];
    const request: Request = { submitter: address(), modelId, inputRoot: root(), maxFee: 1n, insuredValue: 0n, deadline: 2_000_000_000n, nonce: 1n, verification: 0, redundancy: 1 };
    const jobId = root();
    const all = await Promise.all(Array.from({ length: 8 }, () => storage.jobs.accept({ jobId, request, signature: signature(), fee: 1n, inputs, now: T0 })));
    expect(new Set(all.map((job) => job.signature)).size).toBe(1);
    expect(await storage.jobs.unchargedFees(request.submitter)).toBe(1n);
  });

  it('stores many jobs of one submitter at once as far as its deposit goes, and one that cannot be stored spoils no other', async () => {
    const submitter = address();
    const request = (nonce: number): Request => ({ submitter, modelId, inputRoot: root(), maxFee: 1n, insuredValue: 0n, deadline: 2_000_000_000n, nonce: BigInt(nonce), verification: 0, redundancy: 1 });
    const given = (nonce: number, change: Partial<Request> = {}) => ({ jobId: root(), request: { ...request(nonce), ...change }, signature: signature(), fee: 1n, inputs: [tensor()], now: T0, deposit: 30n });
    const jobs = Array.from({ length: 40 }, (_, nonce) => given(nonce));
    const strange = given(40, { modelId: root() });
    const outcomes = await Promise.allSettled([...jobs.slice(0, 5), strange, ...jobs.slice(5)].map((job) => storage.jobs.accept(job)));
    expect(outcomes[5]).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('foreign key') as string } });
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(30);
    expect(outcomes.filter((outcome) => outcome.status === 'rejected' && (outcome.reason as { code: string }).code === 'DEPOSIT_TOO_LOW')).toHaveLength(10);
    expect(await storage.jobs.unchargedFees(submitter)).toBe(30n);
  });

  it('leases a job to one of many who want it', async () => {
    const { jobId } = await accepted();
    const wins = await Promise.all(Array.from({ length: 8 }, () => storage.jobs.lease(jobId, { executor: address(), until: later(30), now: T0 })));
    expect(wins.filter(Boolean)).toHaveLength(1);
    expect(await stateOf(jobId)).toBe('assigned');
  });

  it('moves a job on when its lease is lost, and takes no late answer', async () => {
    const { jobId, request } = await accepted();
    const executor = address();
    await storage.jobs.lease(jobId, { executor, until: later(1), now: T0 });
    expect((await storage.jobs.leasesExpired(later(2), 1000)).map((job) => job.jobId)).toContain(jobId);
    expect((await storage.jobs.leasesExpired(T0, 1000)).map((job) => job.jobId)).not.toContain(jobId);
    expect(await storage.jobs.release(jobId, { executor, askAgain: false, now: later(2) })).toBe(true);
    expect((await storage.jobs.byId(jobId))?.tried).toEqual([executor]);
    const claim: Claim = { jobId, modelId, inputRoot: request.inputRoot, outputRoot: root(), executor, coordinator: address(), fee: 5n, insuredValue: 7n };
    expect(await storage.jobs.answer(jobId, { digest: root(), claim, signature: signature(), outputs: [tensor()], now: later(3) })).toBe(false);
    expect(await stateOf(jobId)).toBe('accepted');
  });

  it('keeps claims of a batch in leaf order, and its totals exact', async () => {
    const { claims, batch } = await batched(5);
    expect(await storage.batches.leavesOf(batch.seq)).toEqual(claims.map((claim) => claim.digest));
    const page = await storage.batches.claimsOf(batch.seq, 2, 2);
    expect(page.map((claim) => claim.digest)).toEqual(claims.slice(2, 4).map((claim) => claim.digest));
    expect(page[0]?.claim).toEqual(claims[2]?.claim);
    expect((await storage.batches.bySeq(batch.seq))?.totals[0]?.fees).toBe(UINT128);
  });

  it('finds nothing under numbers that no column holds', async () => {
    const { batch } = await batched(1);
    expect(await storage.batches.byChainId(2n ** 64n - 1n)).toBeUndefined();
    expect(await storage.batches.claimsOf(batch.seq, Number.MAX_SAFE_INTEGER, 16)).toEqual([]);
  });

  it('fixes all claims of a batch or none', async () => {
    const [one, two] = [await answered(), await answered()];
    await storage.disputes.opened({ gameId: root(), claimDigest: two.digest, challenger: address(), now: T0 });
    const batch = { root: root(), leaves: [one.digest, two.digest], totals: [], charges: [], now: T0 };
    await expect(storage.batches.fix(batch)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(await stateOf(one.jobId)).toBe('answered');
    expect((await storage.batches.notLanded()).map((fixed) => fixed.root)).not.toContain(batch.root);
  });

  it('lands a batch once and finds it by its id on chain', async () => {
    const { claims, batch, landing } = await landed();
    expect(await storage.batches.land(batch.root, landing, T0)).toBe(false);
    expect((await storage.batches.byChainId(landing.batchId))?.landing).toEqual(landing);
    for (const { jobId } of claims) expect(await stateOf(jobId)).toBe('challengeable');
  });

  it('takes a refused batch apart, but never one on chain', async () => {
    const { claims, batch } = await batched();
    await storage.batches.dissolve(batch.seq, T0);
    expect(await stateOf(claims[0]!.jobId)).toBe('answered');
    expect((await storage.batches.unbatched(1000)).map((claim) => claim.digest)).toContain(claims[0]!.digest);
    const other = await landed();
    await expect(storage.batches.dissolve(other.batch.seq, T0)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  });

  it('makes jobs final after the window, except those in dispute', async () => {
    const { claims, batch } = await landed(2);
    const [calm, contested] = claims as [(typeof claims)[number], (typeof claims)[number]];
    const gameId = root();
    await storage.disputes.opened({ gameId, claimDigest: contested.digest, challenger: address(), now: T0 });
    expect((await storage.batches.pastWindow(999n)).map((b) => b.seq)).not.toContain(batch.seq);
    expect((await storage.batches.pastWindow(1_000n)).map((b) => b.seq)).toContain(batch.seq);
    expect(await storage.batches.finalize(batch.seq, T0)).toEqual([calm.jobId]);
    expect(await stateOf(contested.jobId)).toBe('disputed');
    await storage.disputes.ended(gameId, 'upheld', T0);
    expect(await storage.batches.finalize(batch.seq, T0)).toEqual([contested.jobId]);
    expect((await storage.batches.bySeq(batch.seq))?.state).toBe('final');
  });

  it('upholds a claim only when no game against it is open', async () => {
    const { claims } = await landed(1);
    const [claim] = claims;
    const games = [root(), root()];
    for (const gameId of games) await storage.disputes.opened({ gameId, claimDigest: claim!.digest, challenger: address(), now: T0 });
    await storage.disputes.ended(games[0]!, 'upheld', T0);
    expect(await stateOf(claim!.jobId)).toBe('disputed');
    await storage.disputes.ended(games[1]!, 'upheld', T0);
    expect(await stateOf(claim!.jobId)).toBe('upheld');
  });

  it('runs an overturned job again at no cost, without the executor that lost', async () => {
    const { claims } = await landed(1);
    const [{ jobId, digest, executor }] = claims as [(typeof claims)[number]];
    const gameId = root();
    await storage.disputes.opened({ gameId, claimDigest: digest, challenger: address(), now: T0 });
    changes.length = 0;
    await storage.disputes.ended(gameId, 'overturned', T0);
    await storage.disputes.ended(gameId, 'overturned', T0);
    expect(changes).toEqual([{ jobIds: [jobId], state: 'overturned' }]);
    expect(await storage.jobs.byId(jobId)).toMatchObject({ state: 'overturned', fee: 0n, tried: [executor], executor: undefined });
    expect((await storage.jobs.waiting(1000)).map((job) => job.jobId)).toContain(jobId);
    const muchLater = new Date(T0.getTime() + 10 * 365 * 86_400_000);
    expect((await storage.jobs.overdue(muchLater, 1000)).map((job) => job.jobId)).not.toContain(jobId);
    expect(await storage.jobs.lease(jobId, { executor: address(), until: later(30), now: T0 })).toBe(true);
  });

  it('gives an overturned job to those again that had failed it before', async () => {
    const job = await accepted();
    const [silent, liar] = [address(), address()];
    await storage.jobs.lease(job.jobId, { executor: silent, until: later(1), now: T0 });
    await storage.jobs.release(job.jobId, { executor: silent, askAgain: false, now: T0 });
    const digest = await answeredBy(job, liar);
    const gameId = root();
    await storage.disputes.opened({ gameId, claimDigest: digest, challenger: address(), now: T0 });
    await storage.disputes.ended(gameId, 'overturned', T0);
    expect((await storage.jobs.byId(job.jobId))?.tried).toEqual([liar]);
  });

  it('leaves a job that has another answer now alone, whatever becomes of the batch of its overturned one', async () => {
    const { claims, batch } = await landed(1);
    const [{ jobId, digest }] = claims as [(typeof claims)[number]];
    const gameId = root();
    await storage.disputes.opened({ gameId, claimDigest: digest, challenger: address(), now: T0 });
    await storage.disputes.ended(gameId, 'overturned', T0);
    await storage.batches.fix({ root: root(), leaves: [await answeredBy((await storage.jobs.byId(jobId))!)], totals: [], charges: [], now: T0 });
    await storage.batches.unland(12n, T0);
    await storage.batches.land(batch.root, { batchId: BigInt(random.between(1, 2 ** 31)), transaction: root(), block: 20n, committedAt: 5_000_000_000n }, T0);
    expect(await stateOf(jobId)).toBe('batched');
    await storage.batches.unland(20n, T0);
    await storage.batches.dissolve(batch.seq, T0);
    expect(await stateOf(jobId)).toBe('batched');
  });

  it('sums what a submitter owes and an executor answers for until the batch lands', async () => {
    const executor = address();
    const first = await answered(executor);
    const submitter = (await storage.jobs.byId(first.jobId))!.request.submitter;
    expect(await storage.jobs.unchargedFees(submitter)).toBe(5n);
    expect(await storage.batches.promisedBy(executor)).toEqual({ insuredValue: 7n, fee: 5n });
    const batch = await storage.batches.fix({ root: root(), leaves: [first.digest], totals: [], charges: [], now: T0 });
    expect(await storage.batches.promisedBy(executor)).toEqual({ insuredValue: 7n, fee: 5n });
    await storage.batches.land(batch.root, { batchId: BigInt(random.between(1, 2 ** 31)), transaction: root(), block: 1n, committedAt: 5_000_000_000n }, T0);
    expect(await storage.jobs.unchargedFees(submitter)).toBe(0n);
    expect(await storage.batches.promisedBy(executor)).toEqual({ insuredValue: 0n, fee: 0n });
  });

  it('labels a model with several names and refuses to move a name', async () => {
    const [a, b] = [root(), root()];
    const model = (id: Root, label: string) => ({ modelId: id, name: label, file: `${id}.onnx`, bytes: 5, signature: { inputs: [{ name: 'x', dtype: 'float32' as const, dims: [1, 2] }], outputs: [] }, profile: root(), registeredAt: later(1) });
    await storage.models.register(model(a, 'one'));
    expect((await storage.models.register(model(a, 'uno'))).names).toEqual(['one', 'uno']);
    await expect(storage.models.register(model(b, 'one'))).rejects.toMatchObject({ code: 'MODEL_NAME_TAKEN', facts: { modelId: a } });
    expect(await storage.models.byId(b)).toBeUndefined();
    expect((await storage.models.byName('uno'))?.signature.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: [1, 2] }]);
    const all = await storage.models.list(100);
    expect(await storage.models.list(100, all[0]!.modelId)).toEqual(all.slice(1));
  });

  it('refuses what the lifecycle table does not allow', async () => {
    const { jobId, executor, digest } = await answered();
    const moves: [JobState, () => Promise<boolean>][] = [
      ['assigned', () => storage.jobs.lease(jobId, { executor, until: later(9), now: T0 })],
      ['accepted', () => storage.jobs.release(jobId, { executor, askAgain: true, now: T0 })],
      ['failed', () => storage.jobs.fail(jobId, { code: 'JOB_FAILED', message: '', now: T0 })],
      ['expired', () => storage.jobs.expire(jobId, T0)],
    ];
    for (const [, move] of moves) expect(await move()).toBe(false);
    expect(await storage.jobs.byId(jobId)).toMatchObject({ state: 'answered', claimDigest: digest });
    expect(JOB_STATES).toContain(await stateOf(jobId));
  });

  describe('what is kept after the end', () => {
    const day = (n: number) => later(n * 86_400);
    const BEFORE = day(100);
    const clear = (limit = 1_000) => storage.retention.clear({ before: BEFORE, limit, now: day(130) });
    const isKept = (input: Tensor) => storage.tensors.byRoots([tensorRoot(input)]).then(() => true, () => false);

    async function taken(inputs: readonly Tensor[], at: Date, deadline = 2_000_000_000n) {
      const request: Request = { submitter: address(), modelId, inputRoot: listRoot(inputs.map(tensorRoot)), maxFee: 10n, insuredValue: 7n, deadline, nonce: BigInt(random.between(0, 2 ** 31)), verification: 0, redundancy: 1 };
      const job = { jobId: root(), request, signature: signature(), fee: 5n, inputs, now: at };
      await storage.jobs.accept(job);
      return job;
    }
    const failed = async (inputs: readonly Tensor[], at: Date, end: Date) => storage.jobs.fail((await taken(inputs, at)).jobId, { code: 'JOB_FAILED', message: '', now: end });

    it('goes when it was kept long enough, in bounded passes; what another job still needs stays', async () => {
      const [gone, twice, live, recent, again] = [tensor(), tensor(), tensor(), tensor(), tensor()];
      await failed([gone, gone], day(5), day(10));
      await failed([twice, live, recent, again], day(5), day(11));
      await failed([twice], day(6), day(12));
      await taken([live], day(6));
      await failed([recent], day(7), day(101));
      await failed([again], day(120), day(121));
      expect((await clear(1)).jobs).toBe(1);
      while ((await clear()).jobs > 0);
      expect(await Promise.all([gone, twice, live, recent, again].map(isKept))).toEqual([false, false, true, true, true]);
      expect(await clear()).toEqual({ jobs: 0, tensors: [] });
    });

    it('stays where a job may come back, or its claim is in an open dispute', async () => {
      const [input, soon] = [tensor(), BigInt(Math.floor(day(99).getTime() / 1000))];
      const cancelled = await taken([input], day(5));
      await storage.jobs.cancel(cancelled.jobId, day(10));
      const late = tensor();
      await storage.jobs.cancel((await taken([late], day(5), soon)).jobId, day(10));
      const { claims: [claim], batch } = await landed(1);
      await storage.batches.finalize(batch.seq, day(10));
      const gameId = root();
      await storage.disputes.opened({ gameId, claimDigest: claim!.digest, challenger: address(), now: day(90) });
      await clear();
      expect(await Promise.all([input, late, claim!.outputs[0]!].map(isKept))).toEqual([true, false, true]);
      expect(await storage.jobs.accept(cancelled)).toMatchObject({ state: 'accepted' });
      await storage.disputes.ended(gameId, 'upheld', day(91));
      const { tensors } = await clear();
      expect(tensors).toContain(tensorRoot(claim!.outputs[0]!));
      expect(await storage.jobs.byId(claim!.jobId)).toMatchObject({ state: 'final', claimDigest: claim!.digest });
      expect(await storage.batches.leavesOf(batch.seq)).toEqual([claim!.digest]);
    });

    it('goes by the holder of the role only', async () => {
      const input = tensor();
      await failed([input], day(5), day(10));
      const fence = (await storage.roles.hold('retention', { holder: 'one', ttlMs: 60_000 }))!;
      await expect(storage.retention.clear({ before: BEFORE, limit: 10, now: day(130), fence: { ...fence, token: fence.token - 1n } })).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
      expect(await isKept(input)).toBe(true);
      await storage.retention.clear({ before: BEFORE, limit: 1_000, now: day(130), fence });
      expect(await isKept(input)).toBe(false);
    });
  });

  it('remembers cursors', async () => {
    expect(await storage.cursors.read('nobody')).toBeUndefined();
    await storage.cursors.write('chain', 5n);
    await storage.cursors.write('chain', 2n ** 40n, { hash: '0xab' });
    expect(await storage.cursors.read('chain')).toEqual({ block: 2n ** 40n, hash: '0xab' });
  });
});

describe('where the database is', () => {
  it('lets one process have an embedded database, and takes over from a dead one', async () => {
    const location = { database: { folder: join(folder, 'locked') }, migrations: MIGRATIONS, artifacts: folder };
    const first = await openStorage(location);
    await expect(openStorage(location)).rejects.toMatchObject({ code: 'DATABASE_LOCKED', facts: { process: process.pid } });
    await first.close();
    writeFileSync(`${location.database.folder}.lock`, '999999999\n');
    await (await openStorage(location)).close();
  }, 120_000);

  it('says plainly that a server does not answer, without the password', async () => {
    const url = 'postgresql://assay:secret@127.0.0.1:9/assay';
    const refused = await openStorage({ database: { url }, migrations: MIGRATIONS, artifacts: folder }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'DATABASE_UNREACHABLE', facts: { host: '127.0.0.1', port: 9 } });
    expect(JSON.stringify(refused)).not.toContain('secret');
  });
});
