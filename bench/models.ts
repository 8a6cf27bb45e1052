/**
 * What does the canonical form cost? Every model in its canonical form against the original file at ONNX Runtime's
 * default optimisation, one thread each, measured in turns within one run so that both see the same machine.
 *
 *   npm run bench:models [-- --json] [-- --seconds 6] [-- mnist squeezenet …]
 *
 * Models are the folders with a model.onnx in ASSAY_MODELS_DIR, by default the project's models/.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { z } from 'zod';
import { DTYPES, elementCount, type Tensor } from '#core/hashing';
import { compileModel, type CompileReport, type NamedHeader } from '#core/onnx';
import { openSession } from '#io/inference';

const environment = z.object({ ASSAY_MODELS_DIR: z.string().default(resolve('models')) }).parse(process.env);

/** Sizes of open dimensions, by symbol: one sample, and for language models 64 tokens. */
const DIMS: Readonly<Record<string, number>> = { T: 64 };
/** Integer inputs are token numbers below this bound. */
const TOKENS = 500;
const WARM_UP_RUNS = 3;
const MIN_ROUNDS = 9;
/** A sample covers at least this many milliseconds, so that the clock's grain does not matter. */
const SAMPLE_MS = 3;

interface Row {
  readonly model: string;
  readonly originalMs: number;
  readonly canonicalMs: number;
  readonly ratio: number;
  readonly nodes: number;
  /** Operators of the source that the canonical form does without. */
  readonly lowered: readonly string[];
}

interface Refusal {
  readonly model: string;
  readonly refused: string;
}

type Run = () => Promise<unknown>;

async function measure(model: string, milliseconds: number): Promise<Row | Refusal> {
  const file = new Uint8Array(readFileSync(join(environment.ASSAY_MODELS_DIR, model, 'model.onnx')));
  let canonical;
  try {
    canonical = compileModel(file, { dims: dimsOf(file) });
  } catch (error) {
    return { model, refused: String((error as Error).message) };
  }
  const inputs = canonical.manifest.signature.inputs.map(sampleInput);
  const session = await openSession(canonical, { thread: 'calling' });
  const original = await InferenceSession.create(file, { executionProviders: ['cpu'], executionMode: 'sequential', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  const names = canonical.manifest.signature.inputs.map(({ name }) => name);
  const [originalMs, canonicalMs] = await inTurns([() => original.run(feeds(names, inputs)), () => session.run(inputs)], milliseconds);
  await Promise.all([session.close(), original.release()]);
  const { nodes } = canonical.report;
  return { model, originalMs: originalMs!, canonicalMs: canonicalMs!, ratio: canonicalMs! / originalMs!, nodes, lowered: lowered(canonical.report) };
}

/** Binds the dimensions that the compiler names as open. */
function dimsOf(file: Uint8Array): Record<string, number> {
  try {
    compileModel(file);
    return {};
  } catch (error) {
    const { code, facts } = error as { code?: string; facts?: { dimensions?: readonly string[] } };
    if (code !== 'MODEL_DIMS_UNBOUND') return {};
    return Object.fromEntries((facts?.dimensions ?? []).map((symbol) => [symbol, DIMS[symbol] ?? 1]));
  }
}

function sampleInput(header: NamedHeader, position: number): Tensor {
  const random = seeded(position + 1);
  const data = new Uint8Array(elementCount(header.dims) * DTYPES[header.dtype].size);
  const view = new DataView(data.buffer);
  for (let i = 0; i < elementCount(header.dims); i++) {
    if (header.dtype === 'float32') view.setFloat32(4 * i, random() * 2 - 1, true);
    else if (header.dtype === 'int64') view.setBigInt64(8 * i, BigInt(Math.floor(random() * TOKENS)), true);
    else if (header.dtype === 'int32') view.setInt32(4 * i, Math.floor(random() * TOKENS), true);
    else data[i] = Math.floor(random() * (header.dtype === 'bool' ? 2 : 128));
  }
  return { dtype: header.dtype, dims: header.dims, data };
}

function feeds(names: readonly string[], inputs: readonly Tensor[]): Record<string, RuntimeTensor> {
  return Object.fromEntries(names.map((name, i) => [name, runtimeTensor(inputs[i]!)]));
}

function runtimeTensor({ dtype, dims, data }: Tensor): RuntimeTensor {
  const buffer = data.slice().buffer;
  if (dtype === 'float32') return new RuntimeTensor(dtype, new Float32Array(buffer), dims);
  if (dtype === 'int64') return new RuntimeTensor(dtype, new BigInt64Array(buffer), dims);
  if (dtype === 'int32') return new RuntimeTensor(dtype, new Int32Array(buffer), dims);
  if (dtype === 'int8') return new RuntimeTensor(dtype, new Int8Array(buffer), dims);
  return new RuntimeTensor(dtype, new Uint8Array(buffer), dims);
}

/** Median milliseconds of each, run alternately, the order turned round every time. */
async function inTurns(runs: readonly Run[], milliseconds: number): Promise<number[]> {
  const repeats = Math.max(...(await Promise.all(runs.map(warmUp))));
  const samples = runs.map((): number[] => []);
  const end = performance.now() + milliseconds;
  for (let round = 0; round < MIN_ROUNDS || performance.now() < end; round++) {
    const order = runs.map((_, i) => (round % 2 === 0 ? i : runs.length - 1 - i));
    for (const i of order) samples[i]!.push(await timed(runs[i]!, repeats));
  }
  return samples.map(median);
}

/** How many runs make one sample. */
async function warmUp(run: Run): Promise<number> {
  for (let i = 0; i < WARM_UP_RUNS; i++) await run();
  return Math.max(1, Math.ceil(SAMPLE_MS / (await timed(run, 1))));
}

async function timed(run: Run, repeats: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < repeats; i++) await run();
  return (performance.now() - start) / repeats;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function lowered({ sourceOperators, operators }: CompileReport): string[] {
  return Object.keys(sourceOperators).filter((name) => !(name in operators));
}

/** Numbers in [0, 1) from a seed (mulberry32, public domain by Tommy Ettinger). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function line({ model, originalMs, canonicalMs, ratio, nodes, lowered: operators }: Row): string {
  return [model.padEnd(24), originalMs.toFixed(3).padStart(10), canonicalMs.toFixed(3).padStart(10), ratio.toFixed(2).padStart(6), String(nodes).padStart(6), `  ${operators.join(', ')}`].join(' ');
}

function print(rows: readonly Row[], refusals: readonly Refusal[]): void {
  console.log(['model'.padEnd(24), 'original'.padStart(10), 'canonical'.padStart(10), 'ratio'.padStart(6), 'nodes'.padStart(6), '  lowered (milliseconds are medians)'].join(' '));
  for (const row of rows) console.log(line(row));
  if (rows.length > 0) console.log(`geometric mean ${geometricMean(rows.map(({ ratio }) => ratio)).toFixed(3)}, largest ${Math.max(...rows.map(({ ratio }) => ratio)).toFixed(2)}`);
  for (const { model, refused } of refusals) console.log(`${model}: refused: ${refused}`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '6' } } });
  const folders = readdirSync(environment.ASSAY_MODELS_DIR).filter((name) => existsSync(join(environment.ASSAY_MODELS_DIR, name, 'model.onnx')));
  const chosen = folders.filter((name) => positionals.length === 0 || positionals.includes(name)).sort();
  if (chosen.length === 0) throw new Error(`no model.onnx in the folders of ${environment.ASSAY_MODELS_DIR}`);
  const results: (Row | Refusal)[] = [];
  for (const model of chosen) results.push(await measure(model, 1000 * Number(values.seconds)));
  const rows = results.filter((result): result is Row => 'ratio' in result);
  const refusals = results.filter((result): result is Refusal => 'refused' in result);
  if (!values.json) return print(rows, refusals);
  console.log(JSON.stringify({ machine: cpus()[0]?.model, node: process.version, rows, refusals }, null, 2));
}

await main();
