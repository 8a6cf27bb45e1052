import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashInto as native } from '@chainsafe/hashtree';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebCoordinator } from '#io/rpc';
import { freePort, PROJECT_ROOT, TestAuthority, type Certificate } from '#testing';
import { hashInto } from '../../libs/sdk/browser-hashing.js';
import { Surroundings, type TestExecutor } from './coordinator.fixture.js';

const PAGE = 'https://app.example';
const folder = mkdtempSync(join(tmpdir(), 'assay-web-'));
const image = JSON.parse(readFileSync(join(PROJECT_ROOT, 'proto/image.json'), 'utf8')) as never;
let world: Surroundings;
let executor: TestExecutor;
let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
let url: string;
let client: WebCoordinator;

beforeAll(async () => {
  world = await Surroundings.start();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  [coordinator, executor] = await Promise.all([world.coordinator('web', { ASSAY_WEB_LISTEN: `127.0.0.1:${port}`, ASSAY_WEB_ORIGINS: PAGE }), world.executor(0)]);
  client = new WebCoordinator(url, image);
  await client.registerModel({ name: 'mnist', file: world.model.onnx });
}, 120_000);

afterAll(async () => {
  client?.close();
  await executor?.stop();
  await coordinator?.stop();
  await world?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const TYPE = { 'content-type': 'application/grpc-web+proto' };
const post = (path: string, headers: Record<string, string> = {}) => fetch(`${url}${path}`, { method: 'POST', headers: { ...TYPE, ...headers }, body: new Uint8Array(5) });
const STATUS = '/assay.v1.Network/Status';

describe('gRPC-Web beside gRPC', () => {
  it('tells the same as gRPC does: status, model, parameters, and a download byte for byte', async () => {
    const [{ items }, ...same] = await Promise.all([client.models(), ...[client, coordinator.client].map((one) => Promise.all([one.parameters(), one.model({ name: 'mnist' }), one.modelVersions('mnist')]))]);
    expect(same[0]).toEqual(same[1]);
    expect(items).toHaveLength(1);
    expect(await client.status()).toMatchObject({ chainId: 31337, peers: expect.any(Array) });
    const [here, there] = await Promise.all([client, coordinator.client].map((one) => one.downloadModel(world.model.manifest.modelId)));
    expect(Buffer.from(here!).equals(there!)).toBe(true);
  });

  it('answers a signed submission, the same again as the same job, and a stream of them under their tags', async () => {
    const { request, signature, inputs, jobId } = await world.signed();
    const job = await client.submit({ request, signature, inputs });
    expect(job).toMatchObject({ jobId, outputs: [{ dims: [1, 10] }], claim: { jobId } });
    expect(await client.submit({ request, signature, inputs })).toMatchObject({ jobId, claimSignature: job.claimSignature });
    const many = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(async (tag) => ({ ...(await world.signed()), tag, waitMs: 30_000 })));
    const answers = await all(client.submitStream([...many, { ...many[0]!, tag: 'forged', signature: '0x00' as const }]));
    expect(answers.map(({ tag }) => tag).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'forged']);
    for (const answer of answers) expect(answer).toMatchObject(answer.tag === 'forged' ? { error: { code: 'REQUEST_SIGNATURE_INVALID' } } : { job: { jobId: many.find(({ tag }) => tag === answer.tag)!.jobId } });
  });

  it('streams a watched job until it is over, and stops when the page does', async () => {
    const { request, signature, inputs, jobId } = await world.signed();
    await client.submit({ request, signature, inputs });
    const states: string[] = [];
    for await (const { state } of client.watchJob(jobId, { timeoutMs: 60_000 })) states.push(state);
    expect(states.at(-1)).toBe('final');
    const stop = new AbortController();
    let seen = 0;
    for await (const _ of client.watchStatus({ signal: stop.signal })) if (++seen === 1) stop.abort();
    expect(seen).toBe(1);
  }, 90_000);

  it('gives errors with their facts, and a deadline as it was asked for', async () => {
    await expect(client.model({ name: 'absent' })).rejects.toMatchObject({ code: 'MODEL_UNKNOWN', facts: expect.objectContaining({}), remedy: expect.any(String) });
    executor.behave(async (_, honest) => (await new Promise((resolve) => setTimeout(resolve, 3_000)), honest()));
    await expect(all(client.watchStatus({ timeoutMs: 300 }))).rejects.toMatchObject({ code: 'PEER_SILENT' });
    const { request, signature, inputs } = await world.signed();
    await expect(client.submit({ request, signature, inputs }, 50)).rejects.toMatchObject({ code: 'JOB_PENDING' });
    executor.behave((_, honest) => honest());
    const away = new WebCoordinator(`http://127.0.0.1:${await freePort()}`, image);
    await expect(away.status()).rejects.toMatchObject({ code: 'COORDINATOR_UNREACHABLE' });
  });
});

it('counts a page’s calls by the address it comes from', async () => {
  const port = await freePort();
  const slow = await world.coordinator('webrate', { ASSAY_WEB_LISTEN: `127.0.0.1:${port}`, ASSAY_CALLER_RATE: '1' });
  const page = new WebCoordinator(`http://127.0.0.1:${port}`, image);
  try {
    const { request, inputs } = await world.signed();
    const refusals = await Promise.all(Array.from({ length: 32 }, () => page.submit({ request, inputs, signature: '0x00' }).catch((error: unknown) => error)));
    expect(refusals).toContainEqual(expect.objectContaining({ code: 'RATE_LIMITED', facts: expect.objectContaining({ caller: '127.0.0.1' }) }));
  } finally {
    page.close();
    await slow.stop();
  }
}, 60_000);

describe('what pages may', () => {
  it.each<[string, () => Promise<Response>, number]>([
    ['a page of a configured origin', () => post(STATUS, { origin: PAGE }), 200],
    ['a program, which has no origin', () => post(STATUS), 200],
    ['a page of another origin', () => post(STATUS, { origin: 'https://evil.example' }), 403],
    ['the admin’s service', () => post('/assay.v1.Admin/Status', { origin: PAGE }), 404],
    ['reflection', () => post('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'), 404],
    ['another content type', () => post(STATUS, { 'content-type': 'application/json' }), 415],
    ['another method', () => fetch(`${url}${STATUS}`), 405],
  ])('%s', async (_, ask, status) => {
    const response = await ask();
    await response.arrayBuffer();
    expect(response.status).toBe(status);
    if (status === 403) expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('a browser’s question first is answered for configured origins only, and only for what a call needs', async () => {
    const ask = (origin: string) => fetch(`${url}${STATUS}`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
    const [yes, no] = await Promise.all([ask(PAGE), ask('https://evil.example')]);
    expect([yes.status, no.status]).toEqual([204, 403]);
    expect(Object.fromEntries(yes.headers)).toMatchObject({ 'access-control-allow-origin': PAGE, vary: 'origin', 'access-control-allow-methods': 'POST', 'access-control-allow-headers': 'content-type, grpc-timeout, x-grpc-web, x-user-agent' });
    expect(yes.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('configuration takes origins and nothing longer', async () => {
    await expect(world.coordinator('web', { ASSAY_WEB_ORIGINS: 'https://app.example/path' })).rejects.toMatchObject({ code: 'CONFIG_INVALID', facts: { ASSAY_WEB_ORIGINS: expect.stringContaining('not an origin') } });
  });
});

it('has the same TLS as gRPC, and asks for the same certificates', async () => {
  const authority = new TestAuthority(join(folder, 'tls'));
  const { cert, key } = authority.issue('coordinator');
  const port = await freePort();
  const secured = await world.coordinator('webtls', { ASSAY_WEB_LISTEN: `127.0.0.1:${port}`, ASSAY_GRPC_TLS_CERT: cert, ASSAY_GRPC_TLS_KEY: key, ASSAY_GRPC_TLS_CLIENT_CA: authority.ca.cert });
  try {
    const caller = authority.issue('caller');
    expect(await statusOver({ port, ca: authority.ca.cert, own: caller })).toBe(200);
    await expect(statusOver({ port, ca: authority.ca.cert })).rejects.toThrow(/certificate|ECONNRESET|socket hang up/);
  } finally {
    await secured.stop();
  }
}, 60_000);

/** HTTP status of a call with a certificate of our own, or none. */
function statusOver({ port, ca, own }: { port: number; ca: string; own?: Certificate }): Promise<number | undefined> {
  const tls = { ca: readFileSync(ca), ...(own && { cert: readFileSync(own.cert), key: readFileSync(own.key) }) };
  return new Promise((resolve, reject) => {
    const call = httpsRequest({ host: '127.0.0.1', port, path: STATUS, method: 'POST', headers: TYPE, ...tls }, (response) => (response.resume(), resolve(response.statusCode)));
    call.on('error', reject);
    call.end(Buffer.alloc(5));
  });
}

describe('the SDK for pages', () => {
  it('hashes as the native code does', () => {
    const input = randomBytes(64 * 33);
    const [ours, theirs] = [new Uint8Array(32 * 33), new Uint8Array(32 * 33)];
    hashInto(input, ours);
    native(input, theirs);
    expect(Buffer.from(ours).toString('hex'), `input ${input.toString('hex')}`).toBe(Buffer.from(theirs).toString('hex'));
  });

  it('is one file without imports, and submits where there is neither process, nor Buffer, nor require', async () => {
    execFileSync(process.execPath, [join(PROJECT_ROOT, 'scripts/build-sdk.mjs'), folder, '--browser']);
    const bundle = readFileSync(join(folder, 'browser.mjs'), 'utf8');
    expect(bundle).not.toMatch(/\b(node:|require\(|from ?["'])/);
    // WHY by name: Node's own fetch needs the globals.
    writeFileSync(join(folder, 'shadowed.mjs'), `const process = undefined, Buffer = undefined, require = undefined, global = undefined, setImmediate = undefined;\n${bundle}`);
    writeFileSync(join(folder, 'page.mjs'), PROGRAM);
    const child = spawn(process.execPath, [join(folder, 'page.mjs'), url, world.anvil.rpcUrl, join(world.dir, 'deployment.json'), world.submitter.privateKey]);
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await new Promise((resolve) => child.once('close', resolve));
    expect(JSON.parse(out)).toEqual({ scores: 10, verified: true, finality: expect.stringMatching(/challengeable|final/), streamed: ['a', 'b'], refused: { typed: true, code: 'MODEL_UNKNOWN' } });
  }, 120_000);
});

const PROGRAM = `
import { readFileSync } from 'node:fs';
const { argv, stdout, exit } = process;
const [url, rpcUrl, file, key] = argv.slice(2);
const given = JSON.parse(readFileSync(file, 'utf8'));
const say = (value) => stdout.write(JSON.stringify(value), () => exit(0));
(async () => {
const { AssayError, connect, connectChain, parseDeployment, privateKeyToAccount, tensorOf, valuesOf } = await import('./shadowed.mjs');
const deployment = parseDeployment(given);
const chain = await connectChain({ rpcUrl, deployment, pollMs: 50 });
const assay = await connect({ url, deployment, chain, account: privateKeyToAccount(key) });
const input = tensorOf(new Float32Array(784).fill(0.25), [1, 1, 28, 28]);
const ask = { model: { name: 'mnist' }, inputs: [input], insuredValue: 1000n };
const answer = await assay.submit(ask);
const verified = await answer.verified({ timeoutMs: 60000 });
const streamed = [];
for await (const one of assay.stream([{ tag: 'a', ...ask }, { tag: 'b', ...ask }])) if (one.answer?.claim.outputRoot === answer.claim.outputRoot) streamed.push(one.tag);
const refused = await assay.submit({ model: { name: 'absent' }, inputs: [] }).catch((error) => ({ typed: error instanceof AssayError, code: error.code }));
assay.close();
say({ scores: valuesOf(answer.outputs[0]).length, verified: verified.verdict.ok, finality: verified.verdict.finality, streamed: streamed.sort(), refused });
})().catch((error) => say({ failed: error.message, cause: String(error.cause) }));
`;
