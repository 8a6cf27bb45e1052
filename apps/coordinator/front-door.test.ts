import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, type Client, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorRoot, type Root } from '#core/hashing';
import { accessTypedData, formatReceipt, NO_JOB, parseReceipt, type Access } from '#core/protocol';
import { LOADER_OPTIONS, MODEL_CHUNK_BYTES, type CoordinatorClient, type SignedAccess, type StreamAnswer } from '#io/rpc';
import { PROJECT_ROOT } from '#testing';
import { Surroundings, UNIT, type Party, type TestExecutor } from './coordinator.fixture.js';

let world: Surroundings;
let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
let client: CoordinatorClient;
let executor: TestExecutor;

beforeAll(async () => {
  world = await Surroundings.start();
  coordinator = await world.coordinator('frontdoor');
  client = coordinator.client;
  executor = await world.executor(0);
  await client.registerModel({ name: 'mnist', file: world.model.onnx });
}, 180_000);

afterAll(async () => {
  await executor?.stop();
  await coordinator?.stop();
  await world?.stop();
});

const inAnHour = () => BigInt(Math.floor(Date.now() / 1000) + 1_800);

async function access(action: Access['action'], jobId: Root = NO_JOB, change: { by?: Party; until?: bigint } = {}): Promise<SignedAccess> {
  const { account } = change.by ?? world.submitter;
  const message: Access = { submitter: account.address, action, jobId, until: change.until ?? inAnHour() };
  return { message, signature: await account.signTypedData(accessTypedData(world.network, message)) };
}

describe('a stream of submissions', () => {
  it('answers each under its tag, refusals among them', async () => {
    const good = await Promise.all(Array.from({ length: 66 }, async (_, i) => ({ tag: `job ${i}`, ...(await world.signed({}, { inputs: [world.input(i / 100)] })) })));
    const bad = { tag: 'too cheap', ...(await world.signed({ maxFee: 1n })) };
    const answers: StreamAnswer[] = [];
    for await (const answer of client.submitStream([...good, bad])) answers.push(answer);
    expect(answers).toHaveLength(67);
    const byTag = new Map(answers.map((answer) => [answer.tag, answer]));
    for (const { tag, jobId } of good) expect(byTag.get(tag)).toMatchObject({ job: { jobId, claim: { jobId } } });
    expect(byTag.get('too cheap')).toMatchObject({ error: { code: 'FEE_TOO_LOW', facts: { maxFee: '1' } } });
  }, 60_000);

  it('cancels what has no answer when it is left', async () => {
    executor.behave(() => new Promise(() => {}));
    const submission = { tag: 'never', ...(await world.signed()) };
    const leave = new AbortController();
    const left = (async () => {
      for await (const answer of client.submitStream([submission], { signal: leave.signal })) throw new Error(`an answer after all: ${answer.tag}`);
    })();
    left.catch(() => {});
    await until(submission.jobId, 'assigned');
    leave.abort();
    await until(submission.jobId, 'cancelled');
    executor.behave((_, honest) => honest());
    await expect(left).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  }, 60_000);
});

async function until(jobId: Root, state: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    const found = await client.job(jobId).then((job) => job.state, () => 'unknown');
    if (found === state) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`job ${jobId} did not become ${state}`);
}

describe('what only the submitter may', () => {
  it('cancels a job that has no answer, twice as well as once, and no other', async () => {
    executor.behave(() => new Promise(() => {}));
    const submission = await world.signed();
    const waiting = client.submit(submission);
    waiting.catch(() => {});
    await until(submission.jobId, 'assigned');
    await expect(client.cancelJob(submission.jobId, await access('cancel', submission.jobId, { by: world.stranger }))).rejects.toMatchObject({ code: 'ACCESS_DENIED', cause: { code: 7 } });
    await expect(client.cancelJob(submission.jobId, await access('inputs', submission.jobId))).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    for (let i = 0; i < 2; i++) expect(await client.cancelJob(submission.jobId, await access('cancel', submission.jobId))).toMatchObject({ state: 'cancelled', failure: { message: 'its submitter cancelled it' } });
    await expect(waiting).rejects.toMatchObject({ code: 'JOB_CANCELLED' });
    executor.behave((_, honest) => honest());
    const answered = await world.signed();
    await client.submit(answered);
    await expect(client.cancelJob(answered.jobId, await access('cancel', answered.jobId))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  }, 60_000);

  it('gets its inputs back', async () => {
    const submission = await world.signed({}, { inputs: [world.input(0.125)] });
    await client.submit(submission);
    const { inputs } = await client.job(submission.jobId, { inputs: await access('inputs', submission.jobId) });
    expect(inputs.map(tensorRoot)).toEqual(submission.inputs.map(tensorRoot));
    expect((await client.job(submission.jobId, { withOutputs: true })).inputs).toEqual([]);
    await expect(client.job(submission.jobId, { inputs: await access('inputs', submission.jobId, { by: world.stranger }) })).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  });

  it('lists its own jobs in pages that neither repeat nor leave out', async () => {
    const all: Root[] = [];
    let pageToken: string | undefined;
    do {
      const page = await client.jobs(await access('list'), { limit: 7, pageToken });
      all.push(...page.items.map((job) => job.jobId));
      expect(page.items.length).toBeLessThanOrEqual(7);
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBeGreaterThan(66);
    expect((await client.jobs(await access('list'), { limit: 100, states: ['cancelled'] })).items.map((job) => job.state)).toEqual(['cancelled', 'cancelled']);
    expect((await client.jobs(await access('list', NO_JOB, { by: world.stranger }))).items).toEqual([]);
  });

  it.each([
    ['in the past', () => access('list', NO_JOB, { until: 1n })],
    ['for ever', () => access('list', NO_JOB, { until: 2n ** 60n })],
    ['under another’s name', async () => ({ ...(await access('list', NO_JOB, { by: world.stranger })), message: (await access('list')).message })],
  ])('is refused %s', async (_, made) => {
    await expect(client.jobs(await made())).rejects.toMatchObject({ code: 'ACCESS_DENIED', facts: { action: 'list' } });
  });

  it('does not take a page token of another list, or of the same with other filters', async () => {
    const { nextPageToken: pageToken } = await client.jobs(await access('list'), { limit: 7 });
    expect((await client.jobs(await access('list'), { limit: 7, pageToken })).items).toHaveLength(7);
    const foreign = [
      async () => client.jobs(await access('list'), { pageToken, states: ['final'] }),
      async () => client.jobs(await access('list', NO_JOB, { by: world.stranger }), { pageToken }),
      () => client.models({ pageToken }),
      () => client.peers('executor', { pageToken }),
    ];
    for (const ask of foreign) await expect(ask()).rejects.toMatchObject({ code: 'MESSAGE_MALFORMED', facts: { field: 'page_token' } });
  });

  it('does not take a page token it never gave', async () => {
    await expect(client.jobs(await access('list'), { pageToken: 'nonsense' })).rejects.toMatchObject({ code: 'MESSAGE_MALFORMED', facts: { field: 'page_token' } });
  });
});

describe('models', () => {
  const modelId = () => world.model.manifest.modelId;

  it('are tagged, searched for and told by version', async () => {
    await client.tagModel({ name: 'mnist' }, 'mnist:v1');
    expect(await client.tagModel({ modelId: modelId() }, 'mnist:v1')).toMatchObject({ names: ['mnist', 'mnist:v1'] });
    expect(await client.modelVersions('mnist')).toMatchObject([{ index: 1, tags: ['v1'], model: { modelId: modelId() } }]);
    expect((await client.searchModels('NIST')).items).toHaveLength(1);
    expect((await client.searchModels('mnist_')).items).toHaveLength(0);
    expect((await client.searchModels('%')).items).toHaveLength(0);
    await expect(client.tagModel({ name: 'absent' }, 'x')).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    await expect(client.modelVersions('absent')).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' });
    expect((await client.searchModels('\\')).items).toHaveLength(0);
    const unheld = 'mnist\0';
    for (const ask of [() => client.model({ name: unheld }), () => client.tagModel({ name: unheld }, 'x'), () => client.searchModels(unheld)]) await expect(ask()).rejects.toMatchObject({ code: 'MESSAGE_MALFORMED' });
  });

  it('go on uploading where the connection broke', async () => {
    const file = world.model.onnx.slice();
    const sha256 = `0x${createHash('sha256').update(file).digest('hex')}`;
    const half = Math.floor(file.length / 2);
    const broken = await rawUpload({ fileSha256: sha256, fileBytes: String(file.length), offset: '0' }, file.subarray(0, half));
    expect(broken).toMatchObject({ details: expect.stringContaining('UPLOAD_OFFSET_MISMATCH') as string });
    const sent: number[] = [];
    await client.registerModel({ name: 'resumed', file, onProgress: (bytes) => sent.push(bytes) });
    expect(sent[0]).toBe(Math.min(half + MODEL_CHUNK_BYTES, file.length));
    expect(await client.model({ name: 'resumed' })).toMatchObject({ modelId: modelId() });
  });

  it('begin anew when what had arrived was something else', async () => {
    const file = world.model.onnx.slice();
    const sha256 = `0x${createHash('sha256').update(file).digest('hex')}`;
    await rawUpload({ fileSha256: sha256, fileBytes: String(file.length), offset: '0' }, new Uint8Array(1_000).fill(7));
    expect(await client.registerModel({ name: 'anew', file })).toMatchObject({ modelId: modelId() });
  });

  it('are not taken beyond the announced length or the limit', async () => {
    const announced = { fileSha256: `0x${'ab'.repeat(32)}`, fileBytes: '10', offset: '0' };
    expect(await rawUpload(announced, new Uint8Array(11))).toMatchObject({ details: expect.stringContaining('UPLOAD_CORRUPT') as string });
    expect(await rawUpload({ ...announced, fileBytes: '9999999999' }, new Uint8Array(1))).toMatchObject({ details: expect.stringContaining('MODEL_TOO_LARGE') as string });
    expect(await rawUpload({ ...announced, offset: '5' }, new Uint8Array(5))).toMatchObject({ details: expect.stringContaining('UPLOAD_OFFSET_MISMATCH') as string });
  });
});

/** An upload as a foreign client might send it; resolves with the error. */
function rawUpload(header: object, chunk: Uint8Array): Promise<ServiceError | null> {
  const definition = loadSync('assay/v1/models.proto', { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] });
  const { assay } = loadPackageDefinition(definition) as unknown as { assay: { v1: { Models: new (target: string, c: unknown) => Client } } };
  const stub = new assay.v1.Models(`127.0.0.1:${coordinator.port}`, credentials.createInsecure());
  return new Promise((resolve) => {
    const call = (stub as unknown as { Register(done: (error: ServiceError | null) => void): ClientWritableStream<unknown> }).Register((error) => {
      stub.close();
      resolve(error);
    });
    call.write({ header: { name: 'raw', dims: {}, profile: '', ...header }, chunk });
    call.end();
  });
}

describe('the network', () => {
  it('lists executors with their stake, batches and disputes, and tells its parameters', async () => {
    const { items } = await client.peers('executor');
    expect(items).toMatchObject([{ peer: { address: executor.address.toLowerCase() }, stake: 10n * UNIT }]);
    expect((await client.peers('challenger')).items).toEqual([]);
    expect((await client.disputes({ state: 'open' })).items).toEqual([]);
    const first = await client.batches({ limit: 1 });
    expect(first.items).toHaveLength(1);
    const next = await client.batches({ limit: 1, pageToken: first.nextPageToken! });
    expect(next.items[0]!.root).not.toBe(first.items[0]!.root);
    const { chain, maxModelBytes } = await client.parameters();
    expect(chain).toMatchObject({ 'batches.challengeWindow': '3', 'disputes.payoutDelay': expect.stringMatching(/^\d+$/) as string });
    expect(maxModelBytes).toBe(256 * 2 ** 20);
  }, 60_000);
});

describe('examples/verify-receipt, which knows nothing of ours', () => {
  type Json = Record<string, never>;
  let receipt: { version: number; network: Json; request: { message: Json; signature: string }; claim: { message: Json; signature: string }; batch: { id: string; root: string; proof: string[] } };

  beforeAll(async () => {
    const submission = await world.signed();
    await client.submit(submission);
    await until(submission.jobId, 'final');
    receipt = JSON.parse(formatReceipt((await client.job(submission.jobId, { withOutputs: true })).receipt!)) as typeof receipt;
  }, 60_000);

  let files = 0;
  async function verdictOf(document: unknown, rpc = world.anvil.rpcUrl): Promise<{ code: number | null; verdict: { ok: boolean; finality?: string; error?: string; checks?: Record<string, boolean> } }> {
    const file = join(world.dir, `receipt-${files++}.json`);
    writeFileSync(file, JSON.stringify(document));
    const child = spawn(process.execPath, [join(PROJECT_ROOT, 'examples/verify-receipt/verify-receipt.mjs'), file, '--rpc', rpc, '--deployment', join(world.dir, 'deployment.json')]);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, verdict: JSON.parse(text) as never };
  }

  it('finds a real receipt valid and final, and one without its batch pending', async () => {
    expect(await verdictOf(receipt)).toMatchObject({ code: 0, verdict: { ok: true, finality: 'final' } });
    const { batch: _, ...early } = receipt;
    expect(await verdictOf(early)).toMatchObject({ code: 0, verdict: { ok: true, finality: 'pending' } });
  }, 60_000);

  it('and its JSON Schema, read by a validator of others, takes real receipts and refuses each with one part taken away, added or of another kind', () => {
    const holds = new Ajv2020({ allErrors: true }).compile(JSON.parse(readFileSync(join(PROJECT_ROOT, 'docs/receipt.schema.json'), 'utf8')) as object);
    const { batch: _, ...early } = receipt;
    for (const real of [receipt, early]) expect({ holds: holds(real), errors: holds.errors }).toEqual({ holds: true, errors: null });
    const spoiled = everySpoiling(receipt).filter(({ what }) => what !== 'without batch');
    expect(spoiled.length).toBeGreaterThan(80);
    for (const { what, document } of spoiled) {
      expect(holds(document), what).toBe(false);
      expect(() => parseReceipt(JSON.stringify(document)), what).toThrow(expect.objectContaining({ code: 'RECEIPT_MALFORMED' }));
    }
  });

  const other = (hex: string) => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}`;
  type Tamper = (r: typeof receipt) => unknown;
  const claim = (change: object): Tamper => (r) => ({ ...r, claim: { ...r.claim, message: { ...r.claim.message, ...change } } });

  it.each<[string, Tamper, string[]]>([
    ['another output', (r) => claim({ outputRoot: other(r.claim.message['outputRoot']!) })(r), ['claimSignature', 'inclusion']],
    ['a higher fee', claim({ fee: '999999999999999999999' }), ['claim', 'claimSignature', 'inclusion']],
    ['another request', (r) => ({ ...r, request: { ...r.request, message: { ...r.request.message, nonce: '1' } } }), ['job', 'requestSignature']],
    ['another network', (r) => ({ ...r, network: { ...r.network, chainId: 1 } }), ['network', 'job', 'requestSignature', 'claimSignature', 'inclusion']],
    ['another root', (r) => ({ ...r, batch: { ...r.batch, root: other(r.batch.root) } }), ['inclusion', 'batch']],
    ['another batch', (r) => ({ ...r, batch: { ...r.batch, id: String(Number(r.batch.id) + 10_000) } }), ['batch']],
    ['another proof', (r) => ({ ...r, batch: { ...r.batch, proof: [...r.batch.proof, `0x${'ab'.repeat(32)}`] } }), ['inclusion']],
  ])('finds %s', async (_, tamper, failed) => {
    const { code, verdict } = await verdictOf(tamper(receipt));
    expect({ code, ok: verdict.ok, failed: Object.entries(verdict.checks!).flatMap(([name, ok]) => (ok ? [] : [name])) }).toEqual({ code: 1, ok: false, failed });
  }, 60_000);

  it('refuses what is no receipt, and says when the chain does not answer', async () => {
    expect(await verdictOf({ ...receipt, version: 2 })).toMatchObject({ code: 2, verdict: { ok: false } });
    expect(await verdictOf({ ...receipt, more: 1 })).toMatchObject({ code: 2, verdict: { error: 'receipt.more is not part of a receipt' } });
    expect(await verdictOf(receipt, 'http://127.0.0.1:9')).toMatchObject({ code: 3 });
  }, 60_000);
});

/** The document with, at each of its places, a part left out, one more, or a leaf of another kind. */
function everySpoiling(document: unknown, at = ''): { readonly what: string; readonly document: unknown }[] {
  if (Array.isArray(document)) {
    const inside = document.flatMap((item: unknown, i) => everySpoiling(item, `${at}[${i}]`).map((one) => ({ ...one, document: document.with(i, one.document) })));
    return [...inside, { what: `${at} no list`, document: 'text' }, { what: `${at} of numbers`, document: [1] }];
  }
  if (typeof document === 'object' && document !== null) {
    const inside = Object.entries(document).flatMap(([name, value]) => {
      const place = at ? `${at}.${name}` : name;
      const { [name]: _, ...rest } = document as Record<string, unknown>;
      return [{ what: `without ${place}`, document: rest }, ...everySpoiling(value, place).map((one) => ({ ...one, document: { ...document, [name]: one.document } }))];
    });
    return [...inside, { what: `${at} with one more`, document: { ...document, extra: 1 } }, { what: `${at} no object`, document: [] }];
  }
  const otherKind = typeof document === 'string' ? [1, null, `${document} `, '', {}] : ['1', null, -1, 0.5];
  return otherKind.map((value) => ({ what: `${at} as ${JSON.stringify(value)}`, document: value }));
}
