import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { privateKeyToAccount } from 'viem/accounts';
import type { Job } from '#core/protocol';
import { connectChain } from '#io/chain';
import { KeyBook } from '#io/keys';
import { encodeRequest, encodeTensor } from '#io/rpc';
import { connect, type Answered } from '#sdk';
import { PROJECT_ROOT, startNetwork, type Network } from '#testing';
import { fuzzCalls } from './calls.js';
import { fuzzLogs } from './events.js';
import { fuzzFiles } from './files.js';
import { fuzzMessages } from './messages.js';
import type { Tally } from './tally.js';

/**
 * Mutated ONNX files, gRPC messages to coordinator and gateway, broker messages and chain logs: no crash, no hang, bounded memory, a code each time.
 *
 *   npm run test:fuzz -- [--seed S] [--cases N] [--json]
 */
const number = (name: string, otherwise: number) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);
const HANG_MS = 120_000;
const MAX_GROWTH_MB = 400;
const HEAP_MB = 1_024;

if (isMainThread) await main();
else parentPort!.postMessage(fuzzFiles((workerData as { seed: number }).seed, (workerData as { cases: number }).cases, (what) => parentPort!.postMessage(what)));

async function main(): Promise<void> {
  const seed = number('--seed', Date.now() % 2 ** 31);
  const cases = number('--cases', 1_000);
  const started = Date.now();
  const files = await apart(seed, cases);
  process.stderr.write(`files: ${JSON.stringify(files)}\n`);
  const dir = mkdtempSync(join(tmpdir(), 'assay-fuzz-'));
  const network = await startNetwork({ dir, executors: 1, challengers: 1, gateway: true, environment: { 'executor-1': { ASSAY_CAPACITY: '8' } }, rules: { batches: { challengeWindow: 30n } } });
  let kinds: Record<string, Tally>;
  let growthMb: Record<string, number>;
  const faults: string[] = [];
  try {
    const parts = await prepare(network);
    const before = vitals(network);
    kinds = { files };
    for (const [name, fuzz] of Object.entries(parts.fuzzers)) {
      kinds[name] = await fuzz(seed, cases);
      process.stderr.write(`${name}: ${JSON.stringify(kinds[name])}\n`);
    }
    await parts.works();
    const after = vitals(network);
    growthMb = Object.fromEntries(Object.entries(after).map(([name, { megabytes }]) => [name, Math.round(megabytes - before[name]!.megabytes)]));
    for (const [name, { pid }] of Object.entries(after)) if (pid !== before[name]!.pid) faults.push(`${name} ended and was started again`);
    for (const [name, growth] of Object.entries(growthMb)) if (growth > MAX_GROWTH_MB) faults.push(`${name} grew by ${growth} MB`);
  } finally {
    await network.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  for (const [name, tally] of Object.entries(kinds)) faults.push(...tally.faults.slice(0, 5).map((fault) => `${name}: ${fault}`));
  for (const fault of faults) process.stderr.write(`WRONG: ${fault}\n`);
  console.log(JSON.stringify({ seed, cases: Object.values(kinds).reduce((sum, tally) => sum + tally.cases, 0), faults: faults.length, growthMb, kinds, seconds: Math.round((Date.now() - started) / 1000) }));
  process.exitCode = faults.length > 0 ? 1 : 0;
}

/** In a thread whose heap is bounded and which is ended when one case takes too long. */
function apart(seed: number, cases: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { seed, cases }, resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
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

type Fuzz = (seed: number, cases: number) => Promise<Tally> | Tally;

/** A network that has done a job, and what to send to whom. */
async function prepare({ urls, keys, deployment, folder }: Network): Promise<{ fuzzers: Record<string, Fuzz>; works: () => Promise<void> }> {
  const account = privateKeyToAccount(keys.privateKey('submitter'));
  const assay = await connect({ url: urls.grpc, deployment, account });
  const { modelId } = await assay.register({ name: 'mnist', file: new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))) });
  const input = (fill: number) => ({ dtype: 'float32' as const, dims: [1, 1, 28, 28], data: new Uint8Array(new Float32Array(784).fill(fill).buffer) });
  const answer = await assay.submit({ model: modelId, inputs: [input(1)] });
  await assay.until(answer.jobId, ({ state }) => state === 'challengeable' || state === 'final', 120_000);
  const chain = await connectChain({ rpcUrl: urls.rpc, deployment });
  const { vault, batches, disputes } = deployment;
  const logs = await chain.client.getLogs({ address: [vault, batches, disputes], fromBlock: BigInt(deployment.deployedBlock), toBlock: 'latest' });
  const { text: key } = await new KeyBook(folder.path('gateway', 'keys')).create({ name: 'fuzz', cap: 10n ** 24n, expiresAt: null, now: Date.now() });
  const party = (name: string, role: 'coordinator' | 'executor') => ({ url: urls.nats, role, address: keys.account(name).address, seed: keys.natsSeed(name) });
  const fuzzers: Record<string, Fuzz> = {
    logs: (seed, cases) => fuzzLogs(seed, cases, logs),
    coordinator: (seed, cases) => fuzzCalls(seed, cases, { name: 'coordinator', address: urls.grpc, metadata: {}, right: rightCalls(answer, modelId) }),
    gateway: (seed, cases) => fuzzCalls(seed, cases, { name: 'gateway', address: urls.inference!.grpc, metadata: { authorization: `Bearer ${key}` }, right: rightInferences() }),
    broker: (seed, cases) => fuzzMessages(seed, cases, { executor: party('executor-1', 'executor'), coordinator: party('coordinator', 'coordinator'), job: jobOf(answer, keys.account('coordinator').address) }),
  };
  const works = async () => {
    await assay.submit({ model: modelId, inputs: [input(2)], waitMs: 120_000 });
    assay.close();
  };
  return { fuzzers, works };
}

function rightCalls({ request, inputs, jobId }: Answered, modelId: string): Record<string, object> {
  const submit = { request: encodeRequest(request.message), signature: request.signature, inputs: inputs.map(encodeTensor), waitMs: 500 };
  const named = { jobId, modelId, name: 'mnist' };
  return { Submit: submit, SubmitStream: { tag: 'a', submit }, ...Object.fromEntries(['Get', 'Watch', 'Cancel', 'List', 'Search', 'Tag', 'Versions', 'Download', 'UploadStatus'].map((name) => [name, named])) };
}

function rightInferences(): Record<string, object> {
  const infer = { modelName: 'mnist', inputs: [{ name: 'Input3', datatype: 'FP32', shape: ['1', '1', '28', '28'] }], rawInputContents: [Buffer.alloc(3_136)] };
  return { ModelInfer: infer, ModelStreamInfer: infer, ModelReady: { name: 'mnist' }, ModelMetadata: { name: 'mnist' }, ModelConfig: { name: 'mnist' }, RepositoryIndex: {} };
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
