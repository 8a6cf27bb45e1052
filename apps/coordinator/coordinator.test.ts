import { createServer } from 'node:net';
import { credentials, loadPackageDefinition, type Client, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { tensorRoot, type Root, type Tensor } from '#core/hashing';
import { isSignedBy, claimDigest, verifyReceipt, type JobState } from '#core/protocol';
import { openSession } from '#io/inference';
import { connectMessaging } from '#io/messaging';
import type { CoordinatorClient } from '#io/rpc';
import { Surroundings, UNIT, type TestExecutor } from './coordinator.fixture.js';

let world: Surroundings;
const second = () => BigInt(Math.floor(Date.now() / 1000));

beforeAll(async () => {
  world = await Surroundings.start();
}, 120_000);

afterAll(() => world?.stop());

describe('a submission', () => {
  let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
  let client: CoordinatorClient;
  let executor: TestExecutor;

  beforeAll(async () => {
    coordinator = await world.coordinator('submission');
    client = coordinator.client;
    executor = await world.executor(0);
    await client.registerModel({ name: 'mnist', file: world.model.onnx });
  }, 60_000);

  afterAll(async () => {
    await executor?.stop();
    await coordinator?.stop();
  });

  beforeEach(() => void (executor.jobs.length = 0));

  it('is answered with what the model computes, a claim that its executor signed, and a receipt', async () => {
    const submission = await world.signed();
    const job = await client.submit(submission);
    const session = await openSession(world.model, { thread: 'calling' });
    expect(job.outputs.map(tensorRoot)).toEqual((await session.run(submission.inputs)).map(tensorRoot));
    await session.close();
    expect(job.claim).toMatchObject({ jobId: submission.jobId, executor: executor.address.toLowerCase() });
    expect(await isSignedBy(executor.address, claimDigest(world.network, job.claim!), job.claimSignature!)).toBe(true);
    expect(job.receipt).toMatchObject({ version: 1, claim: { message: { jobId: submission.jobId } } });
  });

  it('is the same job when it comes again, and is run once', async () => {
    const submission = await world.signed();
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => client.submit(submission)));
    others.push(await client.submit(submission));
    for (const other of others) expect(other.claimSignature).toBe(first!.claimSignature);
    expect(executor.jobs.filter((job) => job.jobId === submission.jobId)).toHaveLength(1);
  });

  it('goes into a batch on chain and becomes final; its receipt holds against the chain', async () => {
    const submission = await world.signed();
    await client.submit(submission);
    const states: JobState[] = [];
    for await (const job of client.watchJob(submission.jobId, { timeoutMs: 30_000 })) states.push(job.state);
    expect(states.at(-1)).toBe('final');
    const { receipt } = await client.job(submission.jobId, { withOutputs: true });
    const chain = await world.chainAs(world.stranger);
    const batch = await chain.batches.batch(receipt!.batch!.id);
    const facts = { network: world.network, batch, challengeWindow: await chain.batches.challengeWindow(), now: await chain.now(), overturned: await chain.disputes.overturned(claimDigest(world.network, receipt!.claim.message)) };
    expect(await verifyReceipt(receipt!, facts)).toMatchObject({ ok: true, finality: 'final' });
    expect(await chain.batches.includes(receipt!.batch!.id, claimDigest(world.network, receipt!.claim.message), receipt!.batch!.proof)).toBe(true);
    expect(StandardMerkleTree.verify(batch.root, ['bytes32'], [claimDigest(world.network, receipt!.claim.message)], receipt!.batch!.proof)).toBe(true);
    const forged = { ...receipt!, claim: { ...receipt!.claim, message: { ...receipt!.claim.message, outputRoot: receipt!.claim.message.inputRoot } } };
    const verdict = await verifyReceipt(forged, facts);
    expect(verdict.ok).toBe(false);
    expect(verdict.checks.filter((check) => !check.ok).map((check) => check.name)).toEqual(['claim-signature', 'inclusion']);
  }, 60_000);

  const wrongInputs = (change: Partial<Tensor>) => [{ ...world.input(), ...change }];
  const nan = () => {
    const data = world.input().data.slice();
    new DataView(data.buffer).setUint32(0, 0x7fc00001, true);
    return wrongInputs({ data });
  };

  it.each<[string, number, () => ReturnType<Surroundings['signed']>]>([
    ['TENSOR_COUNT_MISMATCH', 3, () => world.signed({}, { inputs: [world.input(), world.input()] })],
    ['TENSOR_SHAPE_MISMATCH', 3, () => world.signed({}, { inputs: wrongInputs({ dims: [1, 1, 784] }) })],
    ['TENSOR_DTYPE_MISMATCH', 3, () => world.signed({}, { inputs: wrongInputs({ dtype: 'int32' }) })],
    ['TENSOR_DATA_MISMATCH', 3, async () => ({ ...(await world.signed()), inputs: wrongInputs({ data: new Uint8Array(5) }) })],
    ['TENSOR_DATA_MISMATCH', 3, () => world.signed({}, { inputs: nan() })],
    ['INPUT_ROOT_MISMATCH', 3, async () => ({ ...(await world.signed()), inputs: [world.input(0.25)] })],
    ['REQUEST_SIGNATURE_INVALID', 16, () => world.signed({}, { by: world.stranger })],
    ['REQUEST_SIGNATURE_INVALID', 16, async () => ({ ...(await world.signed()), signature: '0x1234' })],
    ['MODEL_UNKNOWN', 5, () => world.signed({ modelId: `0x${'ab'.repeat(32)}` })],
    ['REQUEST_EXPIRED', 9, () => world.signed({ deadline: second() - 10n })],
    ['REQUEST_EXPIRED', 9, () => world.signed({ deadline: second() + 30n * 24n * 3600n })],
    ['FEE_TOO_LOW', 9, () => world.signed({ maxFee: 1n })],
    ['DEPOSIT_TOO_LOW', 9, () => world.signed({ submitter: world.stranger.account.address }, { by: world.stranger })],
    ['VERIFICATION_UNSUPPORTED', 12, () => world.signed({ verification: 1, redundancy: 2 })],
    ['MESSAGE_MALFORMED', 3, async () => ({ ...(await world.signed()), signature: 'no hex' as `0x${string}` })],
  ])('is refused with %s (gRPC %i), facts and remedy, and reaches no executor', async (code, status, submission) => {
    const error = await client.submit(await submission()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code, cause: { code: status } });
    expect(Object.keys((error as { facts: object }).facts).length).toBeGreaterThan(0);
    expect((error as { remedy: string }).remedy.length).toBeGreaterThan(10);
    expect(executor.jobs).toHaveLength(0);
  });

  it('with a used nonce and other content is refused with the job that has it', async () => {
    const first = await world.signed();
    await client.submit(first);
    const second = await world.signed({ nonce: first.request.nonce, insuredValue: 5n });
    await expect(client.submit(second)).rejects.toMatchObject({ code: 'NONCE_REUSED', cause: { code: 6 }, facts: { jobId: first.jobId } });
  });

  it('for an unknown job says so', async () => {
    await expect(client.job(`0x${'cd'.repeat(32)}`)).rejects.toMatchObject({ code: 'JOB_UNKNOWN', cause: { code: 5 } });
    await expect(client.watchJob(`0x${'cd'.repeat(32)}`).next()).rejects.toMatchObject({ code: 'JOB_UNKNOWN' });
  });

  it('carries the error in trailers that any gRPC client can read', async () => {
    const error = (await client.submit(await world.signed({ maxFee: 1n })).catch((thrown: { cause: ServiceError }) => thrown.cause)) as ServiceError;
    expect(error.metadata.get('assay-error-code')).toEqual(['FEE_TOO_LOW']);
    expect(JSON.parse(String(error.metadata.get('assay-error-bin')[0]))).toMatchObject({ code: 'FEE_TOO_LOW', facts: { maxFee: '1' }, page: 'docs/errors.md#fee_too_low' });
    expect(error.details).toMatch(/^FEE_TOO_LOW: /);
  });

  it('registers the same model under its content’s id again, and refuses what is none', async () => {
    const again = await client.registerModel({ name: 'digits', file: world.model.onnx });
    expect(again).toMatchObject({ modelId: world.model.manifest.modelId, names: ['digits', 'mnist'] });
    expect(Buffer.from(await client.downloadModel(again.modelId)).equals(Buffer.from(world.model.onnx))).toBe(true);
    await expect(client.registerModel({ name: 'noise', file: new Uint8Array(300_000).fill(7) })).rejects.toMatchObject({ code: 'MODEL_UNPARSABLE' });
    await expect(client.registerModel({ name: 'not a name!', file: world.model.onnx })).rejects.toMatchObject({ code: 'MESSAGE_MALFORMED' });
    await expect(client.model({ name: 'nobody' })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    expect((await client.models()).items.map((model) => model.modelId)).toEqual([again.modelId]);
  });

  it('tells by reflection which services it has', async () => {
    const file = 'grpc/reflection/v1/reflection.proto';
    const { grpc } = loadPackageDefinition(loadSync(file, { includeDirs: ['node_modules/@grpc/reflection/build/proto'] })) as unknown as { grpc: { reflection: { v1: { ServerReflection: new (target: string, c: unknown) => Client & { ServerReflectionInfo(): ClientDuplexStream<unknown, { listServicesResponse: { service: { name: string }[] } }> } } } } };
    const stub = new grpc.reflection.v1.ServerReflection(`127.0.0.1:${coordinator.port}`, credentials.createInsecure());
    const call = stub.ServerReflectionInfo();
    call.write({ listServices: '*' });
    call.end();
    for await (const { listServicesResponse } of call as AsyncIterable<{ listServicesResponse: { service: { name: string }[] } }>) {
      expect(listServicesResponse.service.map(({ name }) => name)).toEqual(expect.arrayContaining(['assay.v1.Jobs', 'assay.v1.Models', 'assay.v1.Network', 'grpc.health.v1.Health']));
    }
    stub.close();
  });

  it('has a health service beside it', async () => {
    const health = loadSync('health/v1/health.proto', { includeDirs: ['node_modules/grpc-health-check/proto'] });
    const { grpc } = loadPackageDefinition(health) as unknown as { grpc: { health: { v1: { Health: new (target: string, c: unknown) => Client & { check(m: unknown, done: (e: unknown, r: { status: unknown }) => void): void } } } } };
    const stub = new grpc.health.v1.Health(`127.0.0.1:${coordinator.port}`, credentials.createInsecure());
    const { status } = await new Promise<{ status: unknown }>((resolve, reject) => stub.check({ service: 'assay.v1.Jobs' }, (e, r) => (e ? reject(e as Error) : resolve(r))));
    stub.close();
    expect(status).toBe(1);
  });

  it('shows price, peers and jobs in the network’s status', async () => {
    const status = await client.status();
    expect(status).toMatchObject({ chainId: 31337, price: 10n ** 15n, openDisputes: 0 });
    expect(status.peers.map((peer) => peer.address)).toContain(executor.address.toLowerCase());
  });
});

describe('a job whose executor does not answer', () => {
  let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
  let executors: TestExecutor[];

  beforeAll(async () => {
    coordinator = await world.coordinator('assignment', { ASSAY_LEASE_MS: '700' });
    executors = [await world.executor(0), await world.executor(1)];
    await coordinator.client.registerModel({ name: 'mnist', file: world.model.onnx });
  }, 60_000);

  afterEach(() => executors.forEach((executor) => executor.behave((_, honest) => honest())));

  afterAll(async () => {
    await Promise.all(executors.map((executor) => executor.stop()));
    await coordinator.stop();
  });

  /** Makes whoever gets the job first behave so; gives back who it was and who answered. */
  async function withFirst(behaviour: Parameters<TestExecutor['behave']>[0]) {
    let first: string | undefined;
    for (const executor of executors) {
      executor.behave((job, honest) => {
        first ??= executor.address;
        return first === executor.address ? behaviour(job, honest) : honest();
      });
    }
    const job = await coordinator.client.submit(await world.signed());
    return { first: first!.toLowerCase(), by: job.claim!.executor };
  }

  it('goes to the other one when the lease runs out', async () => {
    const { first, by } = await withFirst(() => new Promise(() => {}));
    expect(by).not.toBe(first);
  });

  it('goes to the other one at once when it says it cannot', async () => {
    const { first, by } = await withFirst(async () => ({ failure: { code: 'EXECUTION_FAILED', message: 'broken' } }));
    expect(by).not.toBe(first);
  });

  it('goes to the other one when the claim is not an answer to it', async () => {
    const { first, by } = await withFirst(async (_, honest) => {
      const answer = (await honest()) as Extract<Awaited<ReturnType<typeof honest>>, { claim: unknown }>;
      return { ...answer, claim: { ...answer.claim, fee: answer.claim.fee + 1n } };
    });
    expect(by).not.toBe(first);
  });

  it('goes to the other one when the outputs are not those claimed', async () => {
    const { first, by } = await withFirst(async (_, honest) => {
      const answer = (await honest()) as Extract<Awaited<ReturnType<typeof honest>>, { claim: unknown }>;
      return { ...answer, outputs: answer.outputs.map((output) => ({ ...output, inline: output.inline!.map((byte) => byte ^ 1) })) };
    });
    expect(by).not.toBe(first);
  });

  it('goes to them again when everybody failed it once', async () => {
    const failed = new Set<string>();
    for (const executor of executors) executor.behave(async (_, honest) => (failed.has(executor.address) ? honest() : (failed.add(executor.address), { failure: { code: 'EXECUTION_FAILED', message: 'once' } })));
    const job = await coordinator.client.submit(await world.signed());
    expect(job.claim).toBeDefined();
    expect(failed.size).toBe(executors.length);
  });

  it('expires when its deadline passes and nobody answers', async () => {
    for (const executor of executors) executor.behave(async () => ({ failure: { code: 'EXECUTION_FAILED', message: 'broken' } }));
    const submission = await world.signed({ deadline: second() + 3n });
    await expect(coordinator.client.submit(submission)).rejects.toMatchObject({ code: 'REQUEST_EXPIRED', facts: { jobId: submission.jobId } });
    expect(await coordinator.client.job(submission.jobId)).toMatchObject({ state: 'expired', claim: undefined });
  });

  it('is pending for a caller who does not wait, and answered for one who asks later', async () => {
    for (const executor of executors) executor.behave(async (_, honest) => (await new Promise((resolve) => setTimeout(resolve, 300)), honest()));
    const submission = await world.signed();
    await expect(coordinator.client.submit(submission, 50)).rejects.toMatchObject({ code: 'JOB_PENDING', cause: { code: 4 } });
    expect((await coordinator.client.submit(submission)).outputs).toHaveLength(1);
  });
});

describe('a coordinator', () => {
  it('finds its batches and jobs again after a restart, and posts each claim once', async () => {
    const first = await world.coordinator('restart', { ASSAY_BATCH_INTERVAL_MS: '3600000' });
    const executor = await world.executor(0);
    await first.client.registerModel({ name: 'mnist', file: world.model.onnx });
    // The first round is over before there is an answer, the next is an hour away: the claim waits in the store.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const submission = await world.signed();
    await first.client.submit(submission);
    expect(await first.client.job(submission.jobId)).toMatchObject({ state: 'answered' });
    await first.stop();

    const again = await world.coordinator('restart');
    for await (const job of again.client.watchJob(submission.jobId, { timeoutMs: 30_000 })) if (job.state === 'final') break;
    const chain = await world.chainAs(world.stranger);
    const { receipt } = await again.client.job(submission.jobId, { withOutputs: true });
    const holding = [];
    for (let id = 1n; id <= (await chain.batches.batchCount()); id++) if ((await chain.batches.batch(id)).root === receipt!.batch!.root) holding.push(id);
    expect(holding).toEqual([receipt!.batch!.id]);
    await executor.stop();
    await again.stop();
  }, 60_000);

  it('removes inputs and outputs long after a job’s end, from database and broker, whichever process of two does it', async () => {
    const first = await world.coordinator('retention');
    const executor = await world.executor(0);
    await first.client.registerModel({ name: 'mnist', file: world.model.onnx });
    const [old, recent] = [await world.signed({}, { inputs: [world.input(0.125)] }), await world.signed({}, { inputs: [world.input(0.25)] })];
    await Promise.all([old, recent].map((submission) => first.client.submit(submission)));
    for (const { jobId } of [old, recent]) for await (const job of first.client.watchJob(jobId, { timeoutMs: 30_000 })) if (job.state === 'final') break;
    await first.stop();
    const { seed, account: { address } } = world.coordinatorParty;
    const messaging = await connectMessaging({ url: world.nats.url, seed, role: 'coordinator', address, log: { warn: () => {} } });
    const objects = await Promise.all([old, recent].map(async ({ inputs: [input] }) => ({ dtype: input!.dtype, dims: [...input!.dims], object: await messaging.payloads.putTensor(input!) })));
    const database = new pg.Client({ connectionString: first.config.DATABASE_URL! });
    await database.connect();
    await database.query(`UPDATE "Job" SET "acceptedAt" = "acceptedAt" - interval '40 days', "updatedAt" = "updatedAt" - interval '40 days', deadline = deadline - 40 * 86400 WHERE id = $1`, [old.jobId]);
    await database.query(`UPDATE "Job" SET "acceptedAt" = "acceptedAt" - interval '40 days' WHERE id = $1`, [recent.jobId]);
    await database.query(`UPDATE "Tensor" SET "usedAt" = "usedAt" - interval '40 days'`);
    const both = await Promise.all([world.coordinator('retention'), world.coordinator('retention', { ASSAY_DATA_DIR: `${first.config.ASSAY_DATA_DIR}-2` })]);
    const outputsOf = (jobId: Root) => both[1]!.client.job(jobId, { withOutputs: true });
    await vi.waitFor(() => expect(outputsOf(old.jobId)).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' }), { timeout: 30_000, interval: 200 });
    await vi.waitFor(() => expect(messaging.payloads.unpack([objects[0]!])).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' }), { timeout: 30_000, interval: 200 });
    expect(await messaging.payloads.unpack([objects[1]!])).toHaveLength(1);
    expect((await outputsOf(recent.jobId)).outputs).toHaveLength(1);
    expect(await both[0]!.client.job(old.jobId)).toMatchObject({ state: 'final' });
    await database.end();
    await messaging.close();
    await executor.stop();
    await Promise.all(both.map((one) => one.stop()));
  }, 120_000);

  it('says plainly what is not there when it starts', async () => {
    const busy = createServer();
    const port = await new Promise<number>((resolve) => busy.listen(0, '127.0.0.1', () => resolve((busy.address() as { port: number }).port)));
    await expect(world.coordinator('start', { ASSAY_GRPC_LISTEN: `127.0.0.1:${port}` })).rejects.toMatchObject({ code: 'PORT_BUSY', facts: { port } });
    busy.close();
    await expect(world.coordinator('start', { ASSAY_RPC_URL: 'http://127.0.0.1:9' })).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
    await expect(world.coordinator('start', { ASSAY_NATS_SEED: world.stranger.seed })).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
    await expect(world.coordinator('start', { ASSAY_DEPLOYMENT: '/nowhere.json' })).rejects.toMatchObject({ code: 'DEPLOYMENT_INVALID' });
    await expect(world.coordinator('start', { DATABASE_URL: 'postgresql://assay@127.0.0.1:9/x' })).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    await expect(world.coordinator('start', { DATABASE_URL: '' })).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { DATABASE_URL: expect.stringContaining('ASSAY_PGLITE_DIR') } });
  }, 60_000);

  it('keeps a submitter who withdrew from holding up the batches of others', async () => {
    const coordinator = await world.coordinator('withdrawn', { ASSAY_JOB_PRICE: String(UNIT / 4n) });
    const executor = await world.executor(0);
    await coordinator.client.registerModel({ name: 'mnist', file: world.model.onnx });
    const chain = await world.chainAs(world.stranger);
    await chain.token.mint(world.stranger.account.address, UNIT);
    await chain.vault.deposit(world.stranger.account.address, UNIT);
    executor.behave(async (job, honest) => {
      if (job.request.submitter.toLowerCase() === world.stranger.account.address.toLowerCase()) await chain.vault.withdraw(await chain.vault.balanceOf(world.stranger.account.address));
      return honest();
    });
    const broke = await world.signed({ submitter: world.stranger.account.address }, { by: world.stranger });
    const fine = await world.signed();
    await Promise.all([coordinator.client.submit(broke), coordinator.client.submit(fine)]);
    for await (const job of coordinator.client.watchJob(fine.jobId, { timeoutMs: 30_000 })) if (job.state === 'final') break;
    expect((await coordinator.client.job(fine.jobId)).state).toBe('final');
    expect((await coordinator.client.job(broke.jobId)).state).toBe('answered');
    await executor.stop();
    await coordinator.stop();
  }, 60_000);
});
