import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { privateKeyToAccount } from 'viem/accounts';
import type { Job } from '#core/protocol';
import { KeyBook } from '#io/keys';
import type { BrokerRole } from '#io/messaging';
import { encodeRequest, encodeTensor } from '#io/rpc';
import { connect, type Answered } from '#sdk';
import { PROJECT_ROOT, startNetwork, type Network, type Random } from '#testing';
import { fuzzCalls } from './calls.js';
import { fuzzEndpoint } from './endpoint.js';
import { fuzzLogs } from './events.js';
import { fuzzFiles, smallModel, type Began } from './files.js';
import { fuzzMessages } from './messages.js';
import { fuzzReplies, type Right } from './replies.js';
import { wrongAccess, wrongSubmission, type Wrong } from './requests.js';
import { pageOf, type Report, type Tally } from './tally.js';

/**
 * Mutated ONNX files, replies, logs and answers of a chain's endpoint, gRPC calls to coordinator and gateway, broker messages on every subject:
 * no crash, no hang, bounded memory, a code each time. After each stretch that reaches a process an honest job must be answered.
 *
 *   npm run test:fuzz -- [--seed S] [--cases N] [--only files,broker] [--json] [--save]
 */
const number = (name: string, otherwise: number) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);
const text = (name: string) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
const HANG_MS = 120_000;
const MAX_GROWTH_MB = 400;
const HEAP_MB = 1_024;

interface Stretch {
  readonly kind: keyof typeof APART;
  readonly seed: number;
  readonly cases: number;
  readonly right?: Right;
}
/** What needs no other process, in a thread whose heap is bounded and which is ended when one case takes too long. */
const APART = {
  files: ({ seed, cases }: Stretch, began: Began) => fuzzFiles(seed, cases, began),
  logs: ({ seed, cases }: Stretch, began: Began) => fuzzLogs(seed, cases, began),
  endpoint: ({ seed, cases }: Stretch, began: Began) => fuzzEndpoint(seed, cases, began),
  replies: ({ seed, cases, right }: Stretch, began: Began) => fuzzReplies(seed, cases, began, right!),
} as const;

if (isMainThread) await main();
else {
  const stretch = workerData as Stretch;
  parentPort!.postMessage(await APART[stretch.kind](stretch, (what) => parentPort!.postMessage(what)));
}

async function main(): Promise<void> {
  const [seed, cases, only] = [number('--seed', Date.now() % 2 ** 31), number('--cases', 1_000), text('--only')?.split(',')];
  const started = Date.now();
  const kinds: Record<string, Tally> = {};
  const growthMb: Record<string, number> = {};
  const faults: string[] = [];
  const run = async (kind: string, fuzz: () => Promise<Tally>) => {
    if (only && !only.includes(kind)) return false;
    kinds[kind] = await fuzz();
    process.stderr.write(`${kind}: ${JSON.stringify(kinds[kind])}\n`);
    return true;
  };
  for (const kind of ['files', 'logs', 'endpoint'] as const) await run(kind, () => apart({ kind, seed, cases }));
  const dir = mkdtempSync(join(tmpdir(), 'assay-fuzz-'));
  const network = await startNetwork({ dir, executors: 1, challengers: 1, gateway: true, environment: { 'executor-1': { ASSAY_CAPACITY: '8' } }, rules: { batches: { challengeWindow: 30n } } });
  try {
    const { fuzzers, right, works, close } = await prepare(network);
    await run('replies', () => apart({ kind: 'replies', seed, cases, right }));
    const before = vitals(network);
    for (const [kind, fuzz] of Object.entries(fuzzers)) {
      if (!(await run(kind, () => fuzz(seed, cases)))) continue;
      await works();
      for (const [name, { pid, megabytes }] of Object.entries(vitals(network))) {
        growthMb[name] = Math.round(megabytes - before[name]!.megabytes);
        if (pid !== before[name]!.pid) faults.push(`${kind}: ${name} ended and was started again`);
        if (growthMb[name] > MAX_GROWTH_MB) faults.push(`${kind}: ${name} has grown by ${growthMb[name]} MB`);
      }
    }
    close();
  } finally {
    await network.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  for (const [name, tally] of Object.entries(kinds)) faults.push(...tally.faults.slice(0, 20).map((fault) => `${name}: ${fault}`));
  for (const fault of faults) process.stderr.write(`WRONG: ${fault}\n`);
  const report: Report = { seed, each: cases, cases: Object.values(kinds).reduce((sum, tally) => sum + tally.cases, 0), faults: faults.length, growthMb, kinds, seconds: Math.round((Date.now() - started) / 1000) };
  console.log(JSON.stringify(report));
  if (process.argv.includes('--save')) writeFileSync(join(PROJECT_ROOT, 'bench/results/fuzz.md'), pageOf(report));
  process.exitCode = faults.length > 0 ? 1 : 0;
}

function apart(stretch: Stretch): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: stretch, resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    let last = 'the start';
    const hangs = () => void worker.terminate().then(() => reject(new Error(`hangs: ${last}`)));
    let timer = setTimeout(hangs, HANG_MS);
    worker.on('message', (message: string | Tally) => {
      clearTimeout(timer);
      if (typeof message !== 'string') return resolve(message);
      last = message;
      timer = setTimeout(hangs, HANG_MS);
    });
    worker.on('error', (error) => reject(new Error(`${last}: ${error.message}`)));
  });
}

type Fuzz = (seed: number, cases: number) => Promise<Tally>;

/** A network that has done a job, and what to send to whom. */
async function prepare({ urls, keys, deployment, folder }: Network): Promise<{ fuzzers: Record<string, Fuzz>; right: Right; works: () => Promise<void>; close: () => void }> {
  const account = privateKeyToAccount(keys.privateKey('submitter'));
  const assay = await connect({ url: urls.grpc, deployment, account });
  const { modelId } = await assay.register({ name: 'mnist', file: new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))) });
  const input = (fill: number) => ({ dtype: 'float32' as const, dims: [1, 1, 28, 28], data: new Uint8Array(new Float32Array(784).fill(fill).buffer) });
  const answer = await assay.submit({ model: modelId, inputs: [input(1)] });
  await assay.until(answer.jobId, ({ state }) => state === 'challengeable' || state === 'final', 120_000);
  const { text: apiKey } = await new KeyBook(folder.path('gateway', 'keys')).create({ name: 'fuzz', cap: 10n ** 24n, expiresAt: null, now: Date.now() });
  const party = (name: string, role: BrokerRole) => ({ url: urls.nats, role, address: keys.account(name).address, seed: keys.natsSeed(name) });
  const network = { chainId: deployment.chainId, disputes: deployment.disputes };
  const { jobId, request, claim, inputs, outputs, executor } = answer;
  const asker = { account, network, request: request.message, inputs, jobId };
  const wrong = {
    'Jobs/Submit': (random: Random) => wrongSubmission(asker, random),
    'Jobs/SubmitStream': async (random: Random) => streamed(await wrongSubmission(asker, random)),
    'Jobs/Cancel': (random: Random) => wrongAccess(asker, 'cancel', random),
    'Jobs/List': (random: Random) => wrongAccess(asker, 'list', random),
    'Jobs/Get': (random: Random) => wrongAccess(asker, 'inputs', random),
  };
  const fuzzers: Record<string, Fuzz> = {
    coordinator: (seed, cases) => fuzzCalls(seed, cases, { name: 'coordinator', address: urls.grpc, metadata: {}, right: rightCalls(answer, modelId), wrong }),
    gateway: (seed, cases) => fuzzCalls(seed, cases, { name: 'gateway', address: urls.inference!.grpc, metadata: { authorization: `Bearer ${apiKey}` }, right: rightInferences(), wrong: {} }),
    broker: (seed, cases) => fuzzMessages(seed, cases, { coordinator: party('coordinator', 'coordinator'), executor: party('executor-1', 'executor'), challenger: party('challenger-1', 'challenger'), job: jobOf(answer, keys.account('coordinator').address) }),
  };
  let fill = 2;
  const works = async () => void (await assay.submit({ model: modelId, inputs: [input(fill++)], waitMs: 120_000 }));
  return { fuzzers, right: { network, job: { jobId, request, claim, inputs, outputs, executor, signature: answer.receipt!.claim.signature } }, works, close: () => assay.close() };
}

function streamed({ message, ...wrong }: Wrong): Wrong {
  return { ...wrong, message: { tag: 'a', submit: message } };
}

function rightCalls({ request, inputs, jobId }: Answered, modelId: string): Record<string, object> {
  const submit = { request: encodeRequest(request.message), signature: request.signature, inputs: inputs.map(encodeTensor), waitMs: 500 };
  const access = { submitter: request.message.submitter, until: String(Math.floor(Date.now() / 1000) + 600), signature: request.signature };
  const header = { name: 'fuzzed', dims: { N: 1 }, profile: '', fileSha256: 'ab'.repeat(32), fileBytes: '5000', offset: '0' };
  const any = { jobId, modelId, name: 'mnist', label: 'mnist:two', text: 'mni', fileSha256: 'ab'.repeat(32), access, limit: 5, pageSize: 5, pageToken: '', states: ['final'], executor: request.message.submitter, draining: true, quarantined: true };
  return { any, Submit: submit, SubmitStream: { tag: 'a', submit }, Register: { header, chunk: smallModel() } };
}

function rightInferences(): Record<string, object> {
  const parameter = { int64Param: '5' };
  const infer = { modelName: 'mnist', id: 'one', parameters: { timeout: parameter }, inputs: [{ name: 'Input3', datatype: 'FP32', shape: ['1', '1', '28', '28'], parameters: { x: parameter } }], outputs: [{ name: 'Plus214_Output_0' }], rawInputContents: [Buffer.alloc(3_136)] };
  return { ModelInfer: infer, ModelStreamInfer: infer, any: { name: 'mnist', version: '1', repositoryName: '', ready: true } };
}

function jobOf({ request, claim, inputs }: Answered, coordinator: `0x${string}`): Job {
  const [tensor] = inputs;
  return {
    ...{ jobId: request.jobId, request: request.message, requestSignature: request.signature, coordinator, fee: claim.fee, leaseUntil: Date.now() + 3_600_000 },
    inputs: [{ dtype: tensor!.dtype, dims: [...tensor!.dims], inline: tensor!.data }],
  } as unknown as Job;
}

/** Process id and resident memory of each part. */
function vitals({ processes }: Network): Record<string, { pid: number; megabytes: number }> {
  return Object.fromEntries(
    processes.filter(({ name }) => !['chain', 'nats'].includes(name)).map(({ name, current: { pid } }) => {
      const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return [name, { pid, megabytes: Number(kilobytes) / 1024 }];
    }),
  );
}
