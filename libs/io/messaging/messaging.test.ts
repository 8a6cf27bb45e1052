import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorRoot, type Tensor } from '#core/hashing';
import { inputsQuerySchema, presenceSchema, subjects, type Presence } from '#core/protocol';
import { party, startBroker, type Broker } from './broker.fixture.js';
import { connectMessaging, INPUTS, MAX_MESSAGE_BYTES, MODEL, succeeded, type Messaging } from './index.js';

const coordinator = party('coordinator', 1);
const executor = party('executor', 2);
const jobId = `0x${'ab'.repeat(32)}` as const;
let broker: Broker;
let asCoordinator: Messaging;
let asExecutor: Messaging;

beforeAll(async () => {
  broker = await startBroker([coordinator, executor]);
  asCoordinator = await broker.messaging(coordinator);
  asExecutor = await broker.messaging(executor);
  await asCoordinator.objects.createBuckets();
}, 120_000);
afterAll(() => broker.stop());

function tensor(length: number, seed = 1): Tensor {
  const data = new Uint8Array(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + seed) & 0xff;
  return { dtype: 'uint8', dims: [length], data };
}

describe('requests', () => {
  it('carries a question and its answer', async () => {
    const serving = asCoordinator.serve(subjects.inputs, INPUTS, async (query) => ({ inputs: await asCoordinator.payloads.pack([tensor(query.jobId.length)]) }), { maxInFlight: 4 });
    await asCoordinator.flush();
    const reply = succeeded(await asExecutor.request(subjects.inputs, INPUTS, { jobId }, { timeoutMs: 2_000 }));
    expect(await asExecutor.payloads.unpack(reply.inputs)).toEqual([tensor(66)]);
    await serving.stop();
  });

  it('says who is silent: nobody there, or no answer in time', async () => {
    await expect(asExecutor.request(subjects.model, MODEL, { modelId: jobId }, { timeoutMs: 500 })).rejects.toMatchObject({ code: 'PEER_SILENT', message: 'nobody listens there' });
    const serving = asCoordinator.serve(subjects.model, MODEL, () => new Promise((resolve) => setTimeout(() => resolve({ name: 'late', bytes: 1 }), 300)), { maxInFlight: 1 });
    await asCoordinator.flush();
    await expect(asExecutor.request(subjects.model, MODEL, { modelId: jobId }, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'PEER_SILENT', message: 'no answer in time' });
    await serving.stop();
  });

  it('answers one more than maxInFlight with CAPACITY_EXHAUSTED and goes on', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const serving = asCoordinator.serve(subjects.model, MODEL, async () => (await held, { name: 'held', bytes: 1 }), { maxInFlight: 2 });
    await asCoordinator.flush();
    const ask = () => asExecutor.request(subjects.model, MODEL, { modelId: jobId }, { timeoutMs: 5_000 });
    const [first, second] = [ask(), ask()];
    expect(await ask()).toMatchObject({ failure: { code: 'CAPACITY_EXHAUSTED' } });
    release();
    expect([await first, await second]).toEqual([{ name: 'held', bytes: 1 }, { name: 'held', bytes: 1 }]);
    expect(await ask()).toEqual({ name: 'held', bytes: 1 });
    await serving.stop();
  });

  it('turns a handler that throws, or answers nonsense, into a failure', async () => {
    const serving = asCoordinator.serve(subjects.model, MODEL, async (query) => (query.modelId === jobId ? Promise.reject(new Error('no disk')) : ({ nonsense: 1 } as never)), { maxInFlight: 2 });
    await asCoordinator.flush();
    expect(await asExecutor.request(subjects.model, MODEL, { modelId: jobId }, { timeoutMs: 2_000 })).toEqual({ failure: { code: 'INTERNAL', message: 'no disk' } });
    const reply = await asExecutor.request(subjects.model, MODEL, { modelId: tensorRoot(tensor(1)) }, { timeoutMs: 2_000 });
    expect(reply).toMatchObject({ failure: { code: 'MESSAGE_MALFORMED' } });
    expect(() => succeeded(reply)).toThrow(expect.objectContaining({ code: 'MESSAGE_MALFORMED' }));
    await serving.stop();
  });

  it('outlives hostile payloads: each is refused, the next honest one served', async () => {
    let served = 0;
    const serving = asCoordinator.serve(subjects.inputs, INPUTS, async () => (served++, { inputs: [] }), { maxInFlight: 64 });
    await asCoordinator.flush();
    const attacker = await broker.raw(executor);
    const hostile = [new Uint8Array(), Uint8Array.of(0xa1, 0x61), new Uint8Array(900_000).fill(0x81), Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff), new TextEncoder().encode('{"jobId":1}'), Uint8Array.of(0xf6)];
    for (const bytes of hostile) {
      const reply = await attacker.request(subjects.inputs, bytes, { timeout: 5_000 });
      expect(new TextDecoder().decode(reply.data)).toContain('MESSAGE_MALFORMED');
    }
    attacker.publish(subjects.inputs, new Uint8Array(10));
    expect(served).toBe(0);
    expect(await asExecutor.request(subjects.inputs, INPUTS, { jobId }, { timeoutMs: 2_000 })).toEqual({ inputs: [] });
    await serving.stop();
  });

  it('refuses to send what the broker would not carry', async () => {
    const exchange = { query: INPUTS.query, reply: INPUTS.reply };
    await expect(asExecutor.request(subjects.inputs, { ...exchange, query: presenceSchema as never }, { pad: 'x'.repeat(MAX_MESSAGE_BYTES) }, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'MESSAGE_MALFORMED' });
    expect(inputsQuerySchema.safeParse({ jobId }).success).toBe(true);
  });
});

describe('presence', () => {
  it('arrives with its subject; what does not fit is dropped and logged', async () => {
    const seen: [string, Presence][] = [];
    const serving = asCoordinator.subscribe('assay.presence.*.*', presenceSchema, (presence, { subject }) => void seen.push([subject, presence]), { maxInFlight: 8 });
    await asCoordinator.flush();
    const presence: Presence = { protocol: 1, role: 'executor', address: executor.address, version: '0.1.0', profile: jobId, models: [], capacity: 1, running: 0 };
    const subject = subjects.presence('executor', executor.address);
    (await broker.raw(executor)).publish(subject, Uint8Array.of(1, 2, 3));
    asExecutor.publish(subject, presenceSchema, presence);
    await expect.poll(() => seen).toEqual([[subject, presence]]);
    await expect.poll(() => broker.logged.filter((line) => line['event'] === 'message.refused').length).toBe(1);
    await serving.stop();
  });
});

/** WHY: comparing a million bytes one by one takes longer than carrying them. */
const plain = (tensors: readonly Tensor[]) => tensors.map(({ data, ...header }) => ({ ...header, data: Buffer.from(data).toString('base64') }));

describe('objects', () => {
  it('carries small tensors inline and large ones beside the message, both ways', async () => {
    const tensors = [tensor(10), tensor(250_000, 2), tensor(250_000, 3), tensor(250_000, 4), tensor(700_001, 5), tensor(0)];
    const payloads = await asCoordinator.payloads.pack(tensors);
    expect(payloads.map((p) => (p.object ? 'object' : 'inline'))).toEqual(['inline', 'inline', 'inline', 'object', 'object', 'inline']);
    expect(plain(await asExecutor.payloads.unpack(payloads))).toEqual(plain(tensors));
    const answered = await asExecutor.payloads.pack([tensor(300_000, 9)]);
    expect(plain(await asCoordinator.payloads.unpack(answered, executor.address))).toEqual(plain([tensor(300_000, 9)]));
  });

  it('carries a model file of several megabytes', async () => {
    const file = tensor(5_000_000, 7).data;
    await asCoordinator.payloads.putModel(jobId, file);
    expect(Buffer.compare(await asExecutor.payloads.getModel(jobId, file.length), file)).toBe(0);
  });

  it('refuses what is missing, has another length, or another root', async () => {
    const payload = { dtype: 'uint8' as const, dims: [300_000] };
    await expect(asExecutor.payloads.unpack([{ ...payload, object: jobId }])).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' });
    const [stored] = await asExecutor.payloads.pack([tensor(300_000)]);
    await expect(asCoordinator.payloads.unpack([{ ...stored!, dims: [300_001] }], executor.address)).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' });
    await asExecutor.objects.put({ bucket: 'outputs', writer: executor.address, name: stored!.object! }, tensor(300_000, 66).data);
    await expect(asCoordinator.payloads.unpack([stored!], executor.address)).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE', message: /does not have its root/ });
    await expect(asExecutor.payloads.unpack([{ ...payload, inline: new Uint8Array(3) }])).rejects.toMatchObject({ code: 'TENSOR_DATA_MISMATCH' });
    await expect(asExecutor.payloads.unpack([{ dtype: 'float32', dims: [2 ** 20, 2 ** 12], object: jobId }])).rejects.toMatchObject({ code: 'TENSOR_TOO_LARGE' });
  });
});

describe('connecting', () => {
  const log = { warn: () => undefined };
  it('tells a wrong seed from a broker that is not there', async () => {
    await expect(connectMessaging({ url: broker.url, ...party('executor', 2), log })).rejects.toMatchObject({ code: 'BROKER_REFUSED' });
    await expect(connectMessaging({ url: 'nats://127.0.0.1:1', ...executor, log })).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  });
});
