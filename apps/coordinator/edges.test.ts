import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROTOCOL_VERSION, subjects } from '#core/protocol';
import { HELLO, succeeded } from '#io/messaging';
import { AdminClient, CoordinatorClient, encodeRequest, encodeTensor, MAX_MESSAGE_BYTES, type ClientTls, type Submission } from '#io/rpc';
import { TestAuthority, type Certificate } from '#testing';
import { Surroundings, type TestExecutor } from './coordinator.fixture.js';

let world: Surroundings;
let executor: TestExecutor;

beforeAll(async () => {
  world = await Surroundings.start();
  executor = await world.executor(0);
}, 120_000);

afterAll(async () => {
  await executor?.stop();
  await world?.stop();
});

describe('mutual TLS', () => {
  let authority: TestAuthority;
  let stranger: TestAuthority;
  let caller: Certificate;
  let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;

  beforeAll(async () => {
    authority = new TestAuthority(join(world.dir, 'tls'));
    stranger = new TestAuthority(join(world.dir, 'tls'), 'stranger');
    caller = authority.issue('caller');
    const { cert, key } = authority.issue('coordinator');
    coordinator = await world.coordinator('tls', { ASSAY_GRPC_TLS_CERT: cert, ASSAY_GRPC_TLS_KEY: key, ASSAY_GRPC_TLS_CLIENT_CA: authority.ca.cert });
  }, 60_000);
  afterAll(() => coordinator?.stop());

  async function asking(tls: ClientTls | undefined): Promise<unknown> {
    const client = new CoordinatorClient(`127.0.0.1:${coordinator.port}`, tls);
    try {
      return await client.status({ timeoutMs: 10_000 });
    } catch (error) {
      return error;
    } finally {
      client.close();
    }
  }

  it('answers a caller with a certificate of the authority', async () => {
    expect(await asking({ ca: authority.ca.cert, ...caller })).toMatchObject({ chainId: 31337 });
  });

  it.each<[string, () => ClientTls | undefined, RegExp]>([
    ['another authority than the server’s', () => ({ ca: stranger.ca.cert, ...caller }), /certificate|issuer/],
    ['no certificate of its own', () => ({ ca: authority.ca.cert }), /alert certificate required|No connection/],
    ['a certificate of another authority', () => ({ ca: authority.ca.cert, ...stranger.issue('forged') }), /No connection/],
    ['a certificate whose time is over', () => ({ ca: authority.ca.cert, ...authority.issue('late', { expired: true }) }), /No connection/],
    ['no TLS at all', () => undefined, /./],
  ])('does not answer a caller with %s, who is told why', async (_, tls, reason) => {
    const error = await asking(tls());
    expect(error).toMatchObject({ code: 'COORDINATOR_UNREACHABLE', message: expect.stringMatching(reason), remedy: expect.stringContaining('certificates') });
  }, 30_000);

  it('says which file is missing', async () => {
    await expect(world.coordinator('tls', { ASSAY_GRPC_TLS_CERT: '/nowhere.pem', ASSAY_GRPC_TLS_KEY: caller.key })).rejects.toMatchObject({ code: 'FILE_UNREADABLE', facts: { file: '/nowhere.pem' } });
    expect(() => new CoordinatorClient('127.0.0.1:1', { ca: '/nowhere.pem' })).toThrow(expect.objectContaining({ code: 'FILE_UNREADABLE' }));
  }, 60_000);
});

describe('a request that the transport cannot take', () => {
  let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
  beforeAll(async () => (coordinator = await world.coordinator('frames')), 60_000);
  afterAll(() => coordinator?.stop());

  it.each<[string, Buffer, OutgoingHttpHeaders, string, string]>([
    ['says that it is 1.5 GB', frame(Buffer.from('x'), { length: 1_500_320_459 }), {}, '8', 'TENSOR_TOO_LARGE'],
    ['is larger than the limit once it is decompressed', frame(gzipSync(Buffer.alloc(MAX_MESSAGE_BYTES + 1)), { compressed: true }), { 'grpc-encoding': 'gzip' }, '8', 'TENSOR_TOO_LARGE'],
    ['is no protobuf', frame(Buffer.from([0xff, 0xff, 0xff])), {}, '3', 'MESSAGE_MALFORMED'],
    ['is no gzip', frame(Buffer.from('plain'), { compressed: true }), { 'grpc-encoding': 'gzip' }, '3', 'MESSAGE_MALFORMED'],
    ['is compressed by something unknown', frame(Buffer.from('plain'), { compressed: true }), { 'grpc-encoding': 'br' }, '3', 'MESSAGE_MALFORMED'],
    ['is empty', Buffer.alloc(0), {}, '3', 'MESSAGE_MALFORMED'],
    ['comes twice', Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.alloc(0))]), {}, '3', 'MESSAGE_MALFORMED'],
    ['has a deadline that is no time', frame(Buffer.alloc(0)), { 'grpc-timeout': 'soon' }, '3', 'MESSAGE_MALFORMED'],
  ])('as it %s is refused with a code like any other', async (_, bytes, headers, status, code) => {
    const session = connect(`http://127.0.0.1:${coordinator.port}`);
    const stream = session.request({ ':method': 'POST', ':path': '/assay.v1.Jobs/Get', 'content-type': 'application/grpc', te: 'trailers', ...headers });
    const answer = Promise.race([once(stream, 'trailers'), once(stream, 'response')]);
    stream.end(bytes);
    stream.resume();
    expect((await answer)[0]).toMatchObject({ 'grpc-status': status, 'grpc-message': expect.stringContaining(code), 'assay-error-code': code, 'assay-error-bin': expect.any(String) });
    session.destroy();
  });
});

describe('a crowded coordinator', () => {
  let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;

  beforeAll(async () => {
    coordinator = await world.coordinator('crowded', { ASSAY_SUBMITTER_RATE: '4', ASSAY_MAX_OPEN_JOBS: '20' });
    await coordinator.client.registerModel({ name: 'mnist', file: world.model.onnx });
  }, 60_000);
  afterAll(() => coordinator?.stop());

  it('tells every gRPC library when to come again: google.rpc.RetryInfo, byte for byte', async () => {
    const refused = await firstRefusal(coordinator.client);
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', cause: { code: 8 } });
    const { metadata } = (refused as { cause: ServiceError }).cause;
    const ms = Number(metadata.get('retry-after-ms')[0]);
    expect(ms).toBeGreaterThan(0);
    expect(retryInfoOf(metadata.get('grpc-status-details-bin')[0] as Buffer)).toEqual({ code: 8, type: 'type.googleapis.com/google.rpc.RetryInfo', ms });
  }, 60_000);

  it('stops work when the caller hangs up; nothing is charged, and the same request again is answered', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    executor.behave(async (_, honest) => (await held, honest()));
    await pause(1_500);
    const submission = await world.signed();
    const hangUp = new AbortController();
    const asked = coordinator.client.submit(submission, 30_000, hangUp.signal).catch((error: unknown) => error);
    await until(async () => executor.jobs.some((job) => job.jobId === submission.jobId));
    hangUp.abort();
    await asked;
    await until(async () => (await coordinator.client.job(submission.jobId)).state === 'cancelled');
    release();
    executor.behave((_, honest) => honest());
    expect((await coordinator.client.job(submission.jobId)).claim).toBeUndefined();
    expect((await coordinator.client.submit(submission)).outputs).toHaveLength(1);
  }, 60_000);

  it('cancels as well when the caller’s own deadline passes', async () => {
    executor.behave(() => new Promise(() => undefined));
    await pause(1_500);
    const submission = await world.signed();
    const raw = submitWithDeadline(coordinator.client, submission);
    await until(async () => executor.jobs.some((job) => job.jobId === submission.jobId));
    expect(await raw).toMatchObject({ code: 4 });
    await until(async () => (await coordinator.client.job(submission.jobId)).state === 'cancelled');
    executor.behave((_, honest) => honest());
  }, 60_000);
});

it('whatever somebody asks counts, and too much of it is refused with a hint', async () => {
  const { client, stop } = await world.coordinator('asked', { ASSAY_CALLER_RATE: '2' });
  const asks: Record<string, () => Promise<unknown>> = {
    status: () => client.status(),
    job: () => client.job(`0x${'00'.repeat(32)}`),
    watch: () => client.watchJob(`0x${'00'.repeat(32)}`).next(),
    models: () => client.models(),
    register: () => client.registerModel({ name: 'mnist', file: world.model.onnx }),
    submit: async () => client.submit(await world.signed()),
  };
  for (const [name, ask] of Object.entries(asks)) {
    const refused = async () => ask().then(() => 'answered', (error: unknown) => error);
    const seen: unknown[] = [];
    for (let i = 0; i < 30 && (seen.at(-1) as { code?: string } | undefined)?.code !== 'RATE_LIMITED'; i++) seen.push(...(await Promise.all(Array.from({ length: 8 }, refused))));
    expect(seen.at(-1), name).toMatchObject({ code: 'RATE_LIMITED', cause: { code: 8 }, facts: { retryAfterMs: expect.any(Number) } });
  }
  await stop();
}, 120_000);

describe('a model that its reader cannot stand', () => {
  it('takes its reader’s process with it and nothing else: the coordinator says so by code and goes on', async () => {
    const coordinator = await world.coordinator('hostile', { ASSAY_MODEL_TIME_LIMIT_MS: '100' });
    await expect(coordinator.client.registerModel({ name: 'mnist', file: world.model.onnx })).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE', facts: { limit: 'milliseconds', allowed: 100 } });
    expect(await coordinator.client.status()).toMatchObject({ chainId: 31337 });
    await coordinator.stop();
  }, 60_000);
});

describe('processes of different versions', () => {
  let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
  beforeAll(async () => {
    coordinator = await world.coordinator('versions');
    await coordinator.client.registerModel({ name: 'mnist', file: world.model.onnx });
  }, 60_000);
  afterAll(() => coordinator?.stop());

  it.each([PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1])('protocol %i is refused when it says hello, with both numbers', async (protocol) => {
    const asked = executor.messaging.request(subjects.hello, HELLO, { role: 'executor', version: '9.9.9', protocol }, { timeoutMs: 10_000 }).then(succeeded);
    await expect(asked).rejects.toMatchObject({ code: 'PEER_INCOMPATIBLE', message: expect.stringMatching(`protocol ${PROTOCOL_VERSION}.*9\\.9\\.9.*protocol ${protocol}`) });
  });

  it('the same protocol is welcome, whatever the version', async () => {
    const reply = await executor.messaging.request(subjects.hello, HELLO, { role: 'executor', version: '9.9.9', protocol: PROTOCOL_VERSION }, { timeoutMs: 10_000 });
    expect(reply).toMatchObject({ protocol: PROTOCOL_VERSION });
  });

  it.each([PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1])('an executor of protocol %i gets no job until it is brought up to date', async (protocol) => {
    executor.pretend(protocol);
    await until(async () => (await coordinator.client.status()).peers.length === 0);
    const submission = await world.signed();
    const before = executor.jobs.length;
    await expect(coordinator.client.submit(submission, 1_500)).rejects.toMatchObject({ code: 'JOB_PENDING' });
    expect(executor.jobs.length).toBe(before);
    executor.pretend(PROTOCOL_VERSION);
    expect((await coordinator.client.submit(submission)).outputs).toHaveLength(1);
  }, 60_000);
});

describe('the admin', () => {
  const token = 'a token of somebody who runs coordinators';
  let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
  let admin: AdminClient;
  beforeAll(async () => {
    coordinator = await world.coordinator('admin', { ASSAY_ADMIN_TOKEN_SHA256: createHash('sha256').update(token).digest('hex') });
    await coordinator.client.registerModel({ name: 'mnist', file: world.model.onnx });
    admin = new AdminClient(`127.0.0.1:${coordinator.port}`, { token });
  }, 60_000);
  afterAll(async () => {
    admin?.close();
    await coordinator?.stop();
  });

  it.each(['', 'a token of somebody else', createHash('sha256').update(token).digest('hex')])('is nobody with another token: %s', async (guess) => {
    const other = new AdminClient(`127.0.0.1:${coordinator.port}`, { token: guess });
    for (const call of [() => other.status(), () => other.drain(true), () => other.quarantine(executor.address, true)]) await expect(call()).rejects.toMatchObject({ code: 'ADMIN_REFUSED', cause: { code: 16 } });
    other.close();
    expect(await admin.status()).toMatchObject({ draining: false, quarantined: [] });
  });

  it('of a process without a token is nobody', async () => {
    const without = await world.coordinator('no-admin');
    const client = new AdminClient(`127.0.0.1:${without.port}`, { token: '' });
    await expect(client.status()).rejects.toMatchObject({ code: 'ADMIN_REFUSED' });
    client.close();
    await without.stop();
  }, 60_000);

  it('drains: new jobs are refused, the same request is answered afterwards', async () => {
    expect(await admin.drain(true)).toMatchObject({ draining: true });
    const submission = await world.signed();
    await expect(coordinator.client.submit(submission)).rejects.toMatchObject({ code: 'SHUTTING_DOWN', facts: { retryAfterMs: expect.any(Number) } });
    await admin.drain(false);
    expect((await coordinator.client.submit(submission)).outputs).toHaveLength(1);
  }, 60_000);

  it('keeps jobs from an executor, and gives them back', async () => {
    expect(await admin.quarantine(executor.address, true)).toMatchObject({ quarantined: [executor.address.toLowerCase()] });
    const submission = await world.signed();
    await expect(coordinator.client.submit(submission, 1_500)).rejects.toMatchObject({ code: 'JOB_PENDING' });
    expect(await admin.quarantine(executor.address, false)).toMatchObject({ quarantined: [] });
    expect((await coordinator.client.submit(submission)).outputs).toHaveLength(1);
  }, 60_000);
});

/** A message as gRPC frames it: whether it is compressed, its length, itself. */
function frame(bytes: Buffer, { compressed = false, length = bytes.length } = {}): Buffer {
  const header = Buffer.from([Number(compressed), 0, 0, 0, 0]);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, bytes]);
}

/** More calls than the rate allows, until one is refused. */
async function firstRefusal(client: CoordinatorClient): Promise<unknown> {
  const submissions = await Promise.all(Array.from({ length: 40 }, () => world.signed()));
  const refusals = await Promise.all(submissions.map((submission) => client.submit(submission).then(() => undefined, (error: unknown) => error)));
  return refusals.find((error) => (error as { code?: string } | undefined)?.code === 'RATE_LIMITED');
}

/** google.rpc.Status { 1: code, 3: Any { 1: type, 2: RetryInfo { 1: Duration { 1: seconds, 2: nanos } } } }, read without our own code. */
function retryInfoOf(bytes: Buffer): { code: number; type: string; ms: number } {
  const status = fieldsOf(bytes);
  const any = fieldsOf(status.get(3) as Uint8Array);
  const duration = fieldsOf(fieldsOf(any.get(2) as Uint8Array).get(1) as Uint8Array);
  return { code: Number(status.get(1)), type: Buffer.from(any.get(1) as Uint8Array).toString(), ms: Number(duration.get(1) ?? 0) * 1000 + Number(duration.get(2) ?? 0) / 1_000_000 };
}

function fieldsOf(bytes: Uint8Array): Map<number, bigint | Uint8Array> {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, bigint | Uint8Array>();
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    fields.set(field, wire === 0 ? BigInt(reader.uint64()) : reader.bytes());
  }
  return fields;
}

/** Our client gives a call longer than it asks the coordinator to wait; others need not. */
function submitWithDeadline(client: CoordinatorClient, { request, signature, inputs }: Submission): Promise<{ code: number } | undefined> {
  const { Jobs } = (client as unknown as { calls: { stubs: { Jobs: { Submit(message: unknown, options: { deadline: number }, done: (error: ServiceError | null) => void): void } } } }).calls.stubs;
  const message = { request: encodeRequest(request), signature, inputs: inputs.map(encodeTensor), waitMs: 60_000 };
  return new Promise((resolve) => Jobs.Submit(message, { deadline: Date.now() + 3_000 }, (error) => resolve(error ?? undefined)));
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(look: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++, await pause(50)) if (await look()) return;
  throw new Error('it did not come about');
}
