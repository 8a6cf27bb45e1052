/**
 * What does being verifiable cost an executor, when nobody disputes? A network with one executor answers jobs, one after the other; between
 * them ONNX Runtime alone runs the same canonical model here, on the same inputs. Counted is CPU time, of all threads of a process.
 *
 *   npm run bench:overhead [-- --json] [-- --save] [-- --rounds 5] [-- --seconds 2] [-- mnist squeezenet …]
 *
 * - plain: ONNX Runtime's own call, nothing around it.
 * - verification: what an executor does because its answer can be disputed, done here alone: signature of the request, roots of inputs and
 *   outputs, canonical bytes, signature of the claim, both on disk. The aim (protocol, section 10) is 1 % of plain.
 * - executor: all that the executor's process takes for a job (messages, verification, the pipe to the model's process), less what it takes
 *   when idle. The model's process is not in it.
 *
 * Medians over the rounds. Models as in bench/models.ts. --save writes bench/results/overhead.json and overhead.md.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { z } from 'zod';
import { listRoot, tensorRoot, type Tensor } from '#core/hashing';
import { compileModel, openDimensions, type CanonicalModel } from '#core/onnx';
import type { Job } from '#core/protocol';
import { openOriginal, sampleInputs, type OriginalSession } from '#io/inference';
import { connect, type Assay, type SignedRequest } from '#sdk';
import { digestSigner } from '#platform';
import { startNetwork, startPostgres, type Network } from '#testing';
import { ClaimSigner } from '../apps/executor/claiming/claim-signer.js';
import { ClaimLedger } from '../apps/executor/claiming/ledger.js';
import { checkCanonical, checkInputRoot, checkJob } from '../apps/executor/execution/job-checks.js';

const environment = z.object({ ASSAY_MODELS_DIR: z.string().default(resolve('..', 'shared', 'models')) }).parse(process.env);
const FOLDERS = [resolve('models'), environment.ASSAY_MODELS_DIR];
const RESULTS = resolve('bench', 'results');
const DIMS: Readonly<Record<string, number>> = { T: 64 };
const AIM_PERCENT = 1;
/** Jobs a round at least: fewer and the clock's grain shows. */
const MIN_JOBS = 10;
const MAX_JOBS = 40;
const IDLE_MS = 3_000;
const MS = 1e6;

interface Row {
  readonly model: string;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly plainMs: number;
  readonly verificationMs: number;
  readonly executorMs: number;
  readonly verificationPercent: number;
  readonly executorPercent: number;
}

interface Bench {
  readonly network: Network;
  readonly assay: Assay;
  readonly dir: string;
  readonly rounds: number;
  readonly milliseconds: number;
  /** CPU that the executor takes a millisecond when nothing is asked of it. */
  readonly idle: number;
}

/** Nanoseconds of CPU that all threads of a process have had. */
function cpuOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]), 0);
}

async function idleRate(pid: number): Promise<number> {
  const [cpu, time] = [cpuOf(pid), performance.now()];
  await sleep(IDLE_MS);
  return (cpuOf(pid) - cpu) / MS / (performance.now() - time);
}

/** Milliseconds of this process's CPU for one of `times` runs. */
async function here(work: (i: number) => Promise<unknown>, times: number): Promise<number> {
  const start = process.cpuUsage();
  for (let i = 0; i < times; i++) await work(i);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000 / times;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const bytesOf = (tensors: readonly Tensor[]): number => tensors.reduce((sum, { data }) => sum + data.length, 0);

function canonicalOf(folder: string): CanonicalModel {
  const file = new Uint8Array(readFileSync(join(folder, 'model.onnx')));
  return compileModel(file, { dims: Object.fromEntries(openDimensions(file).map((name) => [name, DIMS[name] ?? 1])) });
}

async function measure(folder: string, bench: Bench): Promise<Row> {
  const { assay, rounds, milliseconds } = bench;
  const model = canonicalOf(folder);
  const inputs = sampleInputs(model.manifest.signature.inputs, 1);
  const { modelId } = await assay.register({ name: basename(folder).toLowerCase(), file: model.onnx });
  const { outputs } = await assay.submit({ model: modelId, inputs, waitMs: 300_000 });
  const plain = await openOriginal(model.onnx, { signature: model.manifest.signature, widened: model.report.widened, optimised: false });
  await here(() => plain.compute(inputs), 3);
  const times = Math.min(MAX_JOBS, Math.max(MIN_JOBS, Math.ceil(milliseconds / (await here(() => plain.compute(inputs), 3)))));
  const verify = await verification(bench, { model, inputs, outputs });
  const samples: { plain: number; verification: number; executor: number }[] = [];
  for (let round = 0; round < rounds; round++) samples.push({ plain: await plainly(plain, inputs, times), verification: await verify(times), executor: await answering(bench, { modelId, inputs, times }) });
  await plain.close();
  const [plainMs, verificationMs, executorMs] = [median(samples.map((s) => s.plain)), median(samples.map((s) => s.verification)), median(samples.map((s) => s.executor))];
  return { model: basename(folder), inputBytes: bytesOf(inputs), outputBytes: bytesOf(outputs), plainMs, verificationMs, executorMs, verificationPercent: (100 * verificationMs) / plainMs, executorPercent: (100 * executorMs) / plainMs };
}

const plainly = (plain: OriginalSession, inputs: readonly Tensor[], times: number): Promise<number> => here(() => plain.compute(inputs), times);

/** CPU of the executor's process for one of `times` jobs, less what it takes anyway. */
async function answering({ network, assay, idle }: Bench, { modelId, inputs, times }: { modelId: Job['jobId']; inputs: readonly Tensor[]; times: number }): Promise<number> {
  const { pid } = network.processes.find(({ name }) => name === 'executor-1')!.current;
  const [cpu, time] = [cpuOf(pid), performance.now()];
  for (let i = 0; i < times; i++) await assay.submit({ model: modelId, inputs });
  return ((cpuOf(pid) - cpu) / MS - idle * (performance.now() - time)) / times;
}

/** The executor's own functions on jobs that are signed already, alone in this process. */
async function verification({ assay, dir, network }: Bench, { model, inputs, outputs }: { model: CanonicalModel; inputs: readonly Tensor[]; outputs: readonly Tensor[] }): Promise<(times: number) => Promise<number>> {
  const ledger = await ClaimLedger.open(mkdtempSync(join(dir, 'ledger-')));
  const account = digestSigner(generatePrivateKey());
  const signer = new ClaimSigner(account, assay.network, ledger);
  const coordinator = network.keys.account('coordinator').address;
  const jobOf = ({ message, signature, jobId }: SignedRequest): Job => ({ jobId, request: message, requestSignature: signature, coordinator, fee: 1n, leaseUntil: Date.now() + 3_600_000, inputs: [] });
  return async (times) => {
    const jobs = await Promise.all(Array.from({ length: times }, async () => jobOf(await assay.sign({ model: model.manifest.modelId, inputs }))));
    return here(async (i) => {
      const job = jobs[i]!;
      await checkJob(job, { network: assay.network, now: Date.now(), contractSigned: async () => false });
      checkCanonical(inputs);
      const inputRoots = checkInputRoot(job, inputs);
      await signer.sign({ job, inputs, inputRoots, outputRoot: listRoot(outputs.map(tensorRoot)), fault: 'none' });
    }, times);
  };
}

function foldersOf(wanted: readonly string[]): string[] {
  const found = FOLDERS.filter((folder) => existsSync(folder)).flatMap((parent) => readdirSync(parent).sort().map((name) => join(parent, name)));
  return found.filter((folder) => existsSync(join(folder, 'model.onnx')) && (wanted.length === 0 || wanted.includes(basename(folder))));
}

interface Summary {
  readonly machine: string | undefined;
  readonly node: string;
  readonly date: string;
  readonly commit: string;
  readonly rounds: number;
  readonly aimPercent: number;
  readonly rows: readonly Row[];
  readonly met: readonly string[];
  /** Plain milliseconds from which on the least and the most verification seen here would be within the aim. */
  readonly holdsFromMs: readonly [number, number];
}

function summary(rows: readonly Row[], rounds: number): Summary {
  const costs = rows.map(({ verificationMs }) => (100 * verificationMs) / AIM_PERCENT);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const met = rows.filter(({ verificationPercent }) => verificationPercent <= AIM_PERCENT).map(({ model }) => model);
  return { machine: cpus()[0]?.model, node: process.version, date: new Date().toISOString().slice(0, 10), commit, rounds, aimPercent: AIM_PERCENT, rows, met, holdsFromMs: [Math.min(...costs), Math.max(...costs)] };
}

const COLUMNS = ['model', 'bytes in', 'bytes out', 'plain ms', 'verification ms', '% of plain', 'executor ms', '% of plain'];
const cells = (row: Row): string[] => [row.model, String(row.inputBytes), String(row.outputBytes), row.plainMs.toFixed(3), row.verificationMs.toFixed(3), row.verificationPercent.toFixed(1), row.executorMs.toFixed(3), row.executorPercent.toFixed(1)];

function remark({ met, rows, holdsFromMs: [least, most], aimPercent }: Summary): string {
  return `${met.length} of ${rows.length} models within ${aimPercent} %${met.length > 0 ? ` (${met.join(', ')})` : ''}. What verification costs hardly depends on the model: it is within ${aimPercent} % of models that take ${least.toFixed(0)} ms (small tensors) to ${most.toFixed(0)} ms (the largest here) or more.`;
}

function page(all: Summary): string {
  const row = (line: readonly string[]): string => `| ${line.join(' | ')} |`;
  const head = `# What being verifiable costs an executor\n\n\`npm run bench:overhead -- --save\`, ${all.date}, commit ${all.commit}, ${all.machine}, Node ${all.node}. CPU time a job, medians of ${all.rounds} rounds, measured in turns.\nPlain: ONNX Runtime alone on the canonical model. Verification: request checked, tensors hashed, claim signed and on disk. Executor: everything in\nits process, messages and the pipe to the model's process too, less what it takes when idle.\n`;
  return [head, row(COLUMNS), row(COLUMNS.map(() => '---')), ...all.rows.map((one) => row(cells(one))), '', remark(all), ''].join('\n');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false }, save: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } } });
  const dir = mkdtempSync(join(tmpdir(), 'assay-overhead-'));
  const postgres = await startPostgres();
  const network = await startNetwork({ dir: join(dir, 'network'), executors: 1, challengers: 0, databaseUrl: postgres.url, environment: { coordinator: { ASSAY_BATCH_INTERVAL_MS: '3600000' } } });
  try {
    const assay = await connect({ url: network.urls.grpc, deployment: network.deployment, account: privateKeyToAccount(network.keys.privateKey('submitter')) });
    const idle = await idleRate(network.processes.find(({ name }) => name === 'executor-1')!.current.pid);
    const bench: Bench = { network, assay, dir, rounds: Number(values.rounds), milliseconds: 1000 * Number(values.seconds), idle };
    const rows: Row[] = [];
    for (const folder of foldersOf(positionals)) rows.push(await measure(folder, bench));
    assay.close();
    const all = summary(rows.sort((a, b) => a.plainMs - b.plainMs), bench.rounds);
    if (values.save) {
      mkdirSync(RESULTS, { recursive: true });
      writeFileSync(join(RESULTS, 'overhead.json'), `${JSON.stringify(all, null, 2)}\n`);
      writeFileSync(join(RESULTS, 'overhead.md'), page(all));
    }
    console.log(values.json ? JSON.stringify(all, null, 2) : page(all));
  } finally {
    await network.stop();
    await postgres.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

await main();
