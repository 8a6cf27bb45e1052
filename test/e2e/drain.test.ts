import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, type ClientReadableStream } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Root, Tensor } from '#core/hashing';
import { AssayError, claimDigest } from '#core/protocol';
import { KeyBook } from '#io/keys';
import { AdminClient } from '#io/rpc';
import type { Answered } from '#sdk';
import { freePort, PROJECT_ROOT, type Child, type Supervised } from '#testing';
import { eventually, startWorld, type World } from './world.js';

const TOKEN = 'whoever runs this';
/** WHY so long: a job that waits for a lease to run out would not be answered within the test. */
const LEASE_MS = '1800000';
const LONG = 120_000;
const TEST_MS = 240_000;

let world: World;
let modelId: Root;
let metrics: Record<string, string>;
let drawn = 0;

const digit = (): Tensor => ({ dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(Float32Array.from({ length: 784 }, (_, i) => (i * ++drawn) % 255).buffer) });
const ask = (): Promise<Answered> => world.assay.submit({ model: modelId, inputs: [digit()], waitMs: LONG });
/** Asks again, with the same request, as long as whoever is asked says that it may. */
async function askPatiently(): Promise<Answered> {
  const inputs = [digit()];
  const request = await world.assay.sign({ model: modelId, inputs });
  for (const deadline = Date.now() + LONG; ; ) {
    try {
      return await world.assay.send(request, { inputs, waitMs: LONG });
    } catch (error) {
      if (!(error instanceof AssayError) || !['SHUTTING_DOWN', 'COORDINATOR_UNREACHABLE'].includes(error.code) || Date.now() > deadline) throw error;
    }
  }
}
const part = (name: string): Supervised => world.network.processes.find((process) => process.name === name)!;
const address = (name: string) => world.network.keys.account(name).address;
const log = (name: string) => readFileSync(world.network.folder.log(name), 'utf8');

beforeAll(async () => {
  const names = ['coordinator', 'executor-1', 'executor-2', 'executor-3', 'challenger-1', 'gateway'];
  metrics = Object.fromEntries(await Promise.all(names.map(async (name) => [name, `127.0.0.1:${await freePort()}`] as const)));
  const environment: Record<string, Record<string, string>> = Object.fromEntries(names.map((name) => [name, { ASSAY_METRICS_LISTEN: metrics[name]! }]));
  Object.assign(environment['coordinator']!, { ASSAY_LEASE_MS: LEASE_MS, ASSAY_ADMIN_TOKEN_SHA256: createHash('sha256').update(TOKEN).digest('hex') });
  environment['challenger-1']!['ASSAY_SAMPLE_ALL'] = 'true';
  world = await startWorld({ executors: 3, challengers: 1, gateway: true, faults: { 'executor-3': 'wrong-output' }, environment, rules: { disputes: { clock: 120, extension: 60 } } });
  await onlyJobsFor('executor-1', 'executor-2');
  ({ modelId } = await world.assay.register({ name: 'mnist', file: readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx')) }));
  await eventually('both have loaded the model', async () => (await Promise.all([ask(), ask(), ask()]), modelProcesses('executor-1').length > 0 && modelProcesses('executor-2').length > 0), LONG);
}, TEST_MS);
afterAll(() => world?.end(), 60_000);

/** Processes in which the part of the network runs models. */
function modelProcesses(name: string): number[] {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(part(name).current.pid)], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes('requireModule')).map((line) => Number(line.trim().split(/\s+/)[0]));
}

function stillModels(name: string): void {
  for (const pid of modelProcesses(name)) process.kill(pid, 'SIGSTOP');
}

async function onlyJobsFor(...names: string[]): Promise<void> {
  const admin = new AdminClient(world.network.urls.grpc, { token: TOKEN });
  for (const name of ['executor-1', 'executor-2', 'executor-3']) await admin.quarantine(address(name), !names.includes(name));
  admin.close();
}

/** SIGTERM to the process and all it started, as a terminal or systemd sends it. Resolves with how it ended. */
function terminate(child: Child): Promise<string> {
  process.kill(-child.pid, 'SIGTERM');
  return child.ended;
}

/** What /health said from now on, each answer once. */
function healthOf(name: string): { readonly said: number[]; stop(): void } {
  const said: number[] = [];
  const look = () => fetch(`http://${metrics[name]}/health`, { signal: AbortSignal.timeout(5_000) }).then(({ status }) => void (said.at(-1) !== status && said.push(status)), () => undefined);
  const timer = setInterval(look, 25);
  void look();
  return { said, stop: () => clearInterval(timer) };
}

async function backAgain(name: string, before: Child): Promise<void> {
  await eventually(`${name} runs again`, () => part(name).current !== before, LONG);
}

/** Jobs that it says it works on. */
async function busy(name: string): Promise<boolean> {
  const { peers } = await world.assay.status();
  return peers.some((peer) => peer.address.toLowerCase() === address(name).toLowerCase() && peer.running > 0);
}

/** WHY: what it says of itself is a while old; a job of before would pass for the one that is asked for next. */
async function nothingInWork(name: string): Promise<void> {
  await eventually(`${name} has nothing to do`, async () => !(await busy(name)), LONG);
}

/** With the model loaded. */
async function bothAreThere(): Promise<void> {
  await onlyJobsFor('executor-1', 'executor-2');
  await eventually('both are there', async () => {
    const { peers } = await world.assay.status();
    return ['executor-1', 'executor-2'].every((name) => peers.some((peer) => peer.address.toLowerCase() === address(name).toLowerCase()) && modelProcesses(name).length > 0);
  }, LONG);
}

const times = (name: string, event: string) => log(name).split(`"event":"${event}"`).length - 1;

it('an executor gives the job in work back at once, and another answers it; it says first that it stops', async () => {
  const before = part('executor-1').current;
  const health = healthOf('executor-1');
  await nothingInWork('executor-1');
  stillModels('executor-1');
  const asked = Array.from({ length: 4 }, ask);
  await eventually('executor-1 has a job', () => busy('executor-1'), LONG);
  await eventually('executor-1 is well', () => health.said.includes(200), LONG);
  expect(await terminate(before)).toBe('exit code 0');
  health.stop();
  expect(health.said).toEqual([200, 503]);
  const answers = await Promise.all(asked);
  expect(new Set(answers.map(({ executor }) => executor.toLowerCase()))).toEqual(new Set([address('executor-2').toLowerCase()]));
  expect(log('executor-1')).toContain('"code":"SHUTTING_DOWN"');
  await backAgain('executor-1', before);
}, TEST_MS);

it('an executor finishes a job that takes no longer than its last while', async () => {
  const before = part('executor-2').current;
  await onlyJobsFor('executor-2');
  await nothingInWork('executor-2');
  stillModels('executor-2');
  const models = modelProcesses('executor-2');
  const asked = ask();
  await eventually('executor-2 has the job', () => busy('executor-2'), LONG);
  const ended = terminate(before);
  for (const pid of models) {
    try {
      process.kill(pid, 'SIGCONT');
    } catch (error) {
      // WHY: once the job in one is answered, the executor ends the others.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  expect((await asked).executor.toLowerCase()).toBe(address('executor-2').toLowerCase());
  expect(await ended).toBe('exit code 0');
  await backAgain('executor-2', before);
}, TEST_MS);

it('work ends in the executor when the caller has gone: its run, and nothing else', async () => {
  await onlyJobsFor('executor-1');
  await nothingInWork('executor-1');
  const before = part('executor-1').current;
  await eventually('executor-1 has loaded the model', async () => (await ask(), modelProcesses('executor-1').length > 0), LONG);
  const running = modelProcesses('executor-1');
  stillModels('executor-1');
  const tensors = [digit()];
  const { message, signature } = await world.assay.sign({ model: modelId, inputs: tensors });
  const hangUp = new AbortController();
  const asked = world.assay.client.submit({ request: message, signature, inputs: tensors }, LONG, hangUp.signal).catch((error: unknown) => error);
  await eventually('executor-1 has the job', () => busy('executor-1'), LONG);
  hangUp.abort();
  await asked;
  // WHY it shows: the lease, and what a run may take, are longer than the test waits.
  const left = () => modelProcesses('executor-1').filter((pid) => running.includes(pid));
  await eventually('the run is ended', () => left().length < running.length, 60_000);
  for (const pid of left()) process.kill(pid, 'SIGCONT');
  expect(log('executor-1')).toContain('"code":"JOB_CANCELLED"');
  expect((await ask()).executor.toLowerCase()).toBe(address('executor-1').toLowerCase());
  expect(part('executor-1').current).toBe(before);
  await onlyJobsFor('executor-1', 'executor-2');
}, TEST_MS);

it('a challenger in the middle of a check, and both players in the middle of a dispute, stop and go on; the lie is overturned', async () => {
  await eventually('the challenger has loaded the model', () => modelProcesses('challenger-1').length > 0, LONG);
  const first = part('challenger-1').current;
  await onlyJobsFor('executor-3');
  const drawn = times('challenger-1', 'drawn');
  stillModels('challenger-1');
  const lie = await ask();
  await eventually('the challenger looks at the lie', () => times('challenger-1', 'drawn') > drawn, LONG);
  expect(await terminate(first)).toBe('exit code 0');

  await eventually('the lie is disputed', () => times('challenger-1', 'dispute.opened') > 0, LONG);
  const players = ['challenger-1', 'executor-3'].map((name) => part(name).current);
  expect(await Promise.all(players.map(terminate))).toEqual(['exit code 0', 'exit code 0']);
  const digest = claimDigest(world.assay.network, lie.claim);
  await eventually('the lie is overturned', () => world.chain.disputes.overturned(digest), LONG);
  await onlyJobsFor('executor-1', 'executor-2');
  const again = await world.assay.until(lie.jobId, (job) => job.claim !== undefined && job.claim.outputRoot !== lie.claim.outputRoot, LONG);
  expect(again.claim!.executor.toLowerCase()).not.toBe(address('executor-3').toLowerCase());
}, TEST_MS);

it('a coordinator says first that it stops, then tells everybody to ask again; what it accepted is answered after its start', async () => {
  const before = part('coordinator').current;
  const { client } = world.assay;
  await bothAreThere();
  const models = [...modelProcesses('executor-1'), ...modelProcesses('executor-2')];
  for (const pid of models) process.kill(pid, 'SIGSTOP');
  const order: string[] = [];
  const health = watchHealth(world.network.urls.grpc, (status) => order.push(status));
  const http = healthOf('coordinator');
  const told = (name: string) => (error: unknown) => (order.push(name), error);
  const submission = async () => {
    const tensors = [digit()];
    const { message, signature } = await world.assay.sign({ model: modelId, inputs: tensors });
    return { request: message, signature, inputs: tensors };
  };
  const single = client.submit(await submission(), LONG).catch(told('call'));
  const stream = firstOf(client.submitStream(oneAndNoEnd({ tag: 'a', waitMs: LONG, ...(await submission()) }))).catch(told('stream'));
  const patient = Array.from({ length: 3 }, askPatiently);
  await eventually('both have a job', async () => (await busy('executor-1')) && (await busy('executor-2')), LONG);
  await eventually('health is served', () => order.includes('SERVING') && http.said.includes(200), LONG);
  expect(await terminate(before)).toBe('exit code 0');
  http.stop();
  expect(await single).toMatchObject({ code: 'SHUTTING_DOWN' });
  expect(await stream).toMatchObject({ code: 'SHUTTING_DOWN' });
  expect(order.slice(0, 2)).toEqual(['SERVING', 'NOT_SERVING']);
  expect(http.said).toEqual([200, 503]);
  health.cancel();
  for (const pid of models) process.kill(pid, 'SIGCONT');
  await backAgain('coordinator', before);
  expect((await Promise.all(patient)).map(({ outputs }) => outputs.length)).toEqual([1, 1, 1]);
}, TEST_MS);

it('a gateway answers what is under way, or says that it stops, and is not ready meanwhile', async () => {
  const before = part('gateway').current;
  const keys = new KeyBook(world.network.folder.path('gateway', 'keys'));
  const { text: key } = await keys.create({ name: 'drain', cap: 10n ** 18n, expiresAt: null, now: Date.now() });
  const { http } = world.network.urls.inference!;
  const infer = () => fetch(`${http}/v2/models/mnist/infer`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify({ inputs: [{ name: 'Input3', datatype: 'FP32', shape: [1, 1, 28, 28], data: [...new Float32Array(digit().data.buffer)] }] }) });
  await bothAreThere();
  await eventually('the gateway answers', async () => (await infer()).status === 200, LONG);
  const [one, two] = [modelProcesses('executor-1'), modelProcesses('executor-2')];
  for (const pid of [...one, ...two]) process.kill(pid, 'SIGSTOP');
  const asked = [infer(), infer()];
  await eventually('both have a job', async () => (await busy('executor-1')) && (await busy('executor-2')), LONG);
  const ended = terminate(before);
  for (const pid of one) process.kill(pid, 'SIGCONT');
  await eventually('the gateway is not ready', async () => (await fetch(`${http}/v2/health/ready`).catch(() => undefined))?.status !== 200, 30_000);
  const replies = await Promise.all(asked.map(async (call) => (await call).json() as Promise<{ code?: string; outputs?: unknown[] }>));
  expect(replies.map(({ code, outputs }) => code ?? outputs?.length).sort()).toEqual([1, 'SHUTTING_DOWN']);
  expect(await ended).toBe('exit code 0');
  for (const pid of two) process.kill(pid, 'SIGCONT');
}, TEST_MS);

/** grpc.health.v1 of the whole server, as it changes. */
function watchHealth(target: string, said: (status: string) => void): ClientReadableStream<unknown> {
  const proto = join(createRequire(import.meta.url).resolve('grpc-health-check/package.json'), '../proto/health/v1/health.proto');
  const { grpc } = loadPackageDefinition(loadSync(proto, { enums: String })) as unknown as { grpc: { health: { v1: { Health: new (target: string, given: unknown) => { Watch(message: object): ClientReadableStream<unknown> } } } } };
  const call = new grpc.health.v1.Health(target, credentials.createInsecure()).Watch({ service: '' });
  call.on('data', (reply: { status: string }) => said(reply.status));
  call.on('error', () => undefined);
  return call;
}

async function* oneAndNoEnd<T>(message: T): AsyncGenerator<T> {
  yield message;
  await new Promise(() => undefined);
}

/** @throws what ends the stream, or the fault of its first answer */
async function firstOf(answers: AsyncIterable<object>): Promise<unknown> {
  for await (const answer of answers) if ('error' in answer) throw answer.error;
  return undefined;
}
