/**
 * What does the canonical form cost? Every model in its canonical form against the original file at ONNX Runtime's
 * default optimisation, one thread each, measured in turns within one run so that both see the same machine, in CPU time.
 * The floor is what the canonical form's sums of products cost alone (floor.ts): nothing around them can save more.
 *
 *   npm run bench:models [-- --json] [-- --save] [-- --seconds 6] [-- mnist squeezenet …]
 *
 * Quantised models are measured against their float32 originals' canonical form too.
 *
 * Models are the folders with a model.onnx in the project's models/ and in ASSAY_MODELS_DIR, by default ../shared/models
 * where there is one. --save writes bench/results/models.json and models.md.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { compileModel, openDimensions, type CanonicalModel, type CompileReport } from '#core/onnx';
import { costAgainst, openOriginal, openSession, sampleInputs, type Cost } from '#io/inference';
import { openFloor } from './floor.js';

const environment = z.object({ ASSAY_MODELS_DIR: z.string().default(resolve('..', 'shared', 'models')) }).parse(process.env);
const FOLDERS = [resolve('models'), environment.ASSAY_MODELS_DIR];
const RESULTS = resolve('bench', 'results');

/** The models over which the mean is taken, under the names of their folders. */
const AIMED: readonly (readonly string[])[] = [['mnist', 'mnist-8'], ['squeezenet', 'squeezenet1.0-f32'], ['mobilenetv2-f32'], ['super_resolution_10'], ['stories260K'], ['fraud'], ['go1-policy', 'mjx_go1_policy']];
const AIM = { geometricMean: 1.15, largest: 1.5 };

/** Sizes of open dimensions, by symbol: one sample, and for language models 64 tokens. */
const DIMS: Readonly<Record<string, number>> = { T: 64 };
const SEED = 1;

interface Row extends Cost {
  readonly model: string;
  readonly nodes: number;
  /** Operators of the source that the canonical form does without. */
  readonly lowered: readonly string[];
}

interface Refusal {
  readonly model: string;
  readonly refused: string;
}

/** The same network in both canonical forms. */
interface Pair {
  readonly int8: string;
  readonly float32: string;
  readonly int8Ms: number;
  readonly float32Ms: number;
  readonly ratio: number;
  /** Of the int8 form's products alone, to the same. */
  readonly floorRatio: number;
  /** Nodes of the canonical forms: what runs of small models consist of. */
  readonly int8Nodes: number;
  readonly float32Nodes: number;
}

/** Folders of quantised models, and of what they were made from. */
const QUANTISED: readonly (readonly [int8: string, float32: readonly string[]])[] = [['mnist-int8-convinteger', ['mnist', 'mnist-8']], ['mobilenetv2-int8-qdq', ['mobilenetv2-f32']]];

/** Canonical int8 against canonical float32, where both are among the folders. */
async function measurePairs(folders: readonly string[], milliseconds: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (const [quantised, plain] of QUANTISED) {
    const [int8, float32] = [folders.find((folder) => basename(folder) === quantised), folders.find((folder) => plain.includes(basename(folder)))];
    if (int8 && float32) pairs.push(await measurePair([int8, float32], milliseconds));
  }
  return pairs;
}

async function measurePair([int8, float32]: readonly [string, string], milliseconds: number): Promise<Pair> {
  const [quantised, plain] = [canonicalOf(fileIn(int8)), canonicalOf(fileIn(float32))];
  const [session, other] = [await openSession(quantised, { thread: 'calling' }), await openSession(plain, { thread: 'calling' })];
  const inputs = sampleInputs(plain.manifest.signature.inputs, SEED);
  const floor = await openFloor(quantised);
  const cost = await costAgainst({ session, floor, original: { compute: () => other.run(inputs) } }, { seed: SEED, milliseconds });
  await Promise.all([session.close(), other.close(), floor.close()]);
  return { int8: basename(int8), float32: basename(float32), int8Ms: cost.canonicalMs, float32Ms: cost.originalMs, ratio: cost.ratio, floorRatio: cost.floorRatio!, int8Nodes: quantised.report.nodes, float32Nodes: plain.report.nodes };
}

const fileIn = (folder: string): Uint8Array => new Uint8Array(readFileSync(join(folder, 'model.onnx')));

function canonicalOf(file: Uint8Array): CanonicalModel {
  return compileModel(file, { dims: Object.fromEntries(openDimensions(file).map((name) => [name, DIMS[name] ?? 1])) });
}

async function measure(folder: string, milliseconds: number): Promise<Row | Refusal> {
  const model = basename(folder);
  const file = fileIn(folder);
  let canonical;
  try {
    canonical = canonicalOf(file);
  } catch (error) {
    return { model, refused: String((error as Error).message) };
  }
  const session = await openSession(canonical, { thread: 'calling' });
  const form = { signature: canonical.manifest.signature, widened: canonical.report.widened };
  const [original, unoptimised] = [await openOriginal(file, form), await openOriginal(file, { ...form, optimised: false })];
  const floor = await openFloor(canonical);
  const cost = await costAgainst({ session, original, unoptimised, floor }, { seed: SEED, milliseconds });
  await Promise.all([session.close(), original.close(), unoptimised.close(), floor.close()]);
  const { nodes } = canonical.report;
  return { model, ...cost, nodes, lowered: lowered(canonical.report) };
}

function lowered({ sourceOperators, operators }: CompileReport): string[] {
  return Object.keys(sourceOperators).filter((name) => !(name in operators));
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Folders of models, the project's own first; a model that both places hold is measured once. */
function foldersOf(wanted: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const parent of FOLDERS.filter((folder) => existsSync(folder))) {
    for (const name of readdirSync(parent).sort()) {
      const key = AIMED.find((names) => names.includes(name))?.[0] ?? name;
      const chosen = wanted.length === 0 || wanted.includes(name) || wanted.includes(key);
      if (chosen && !found.has(key) && existsSync(join(parent, name, 'model.onnx'))) found.set(key, join(parent, name));
    }
  }
  return [...found.values()];
}

interface Summary {
  readonly machine: string | undefined;
  readonly node: string;
  readonly date: string;
  /** Of the rows' ratios, over those of the seven aimed at that are here. */
  readonly geometricMean: number;
  readonly largest: number;
  readonly aim: typeof AIM;
  readonly missing: readonly string[];
  readonly rows: readonly Row[];
  readonly refusals: readonly Refusal[];
  readonly pairs: readonly Pair[];
}

function summary(results: readonly (Row | Refusal)[], pairs: readonly Pair[]): Summary {
  const rows = results.filter((result): result is Row => 'ratio' in result);
  const refusals = results.filter((result): result is Refusal => 'refused' in result);
  const aimed = AIMED.map((names) => rows.find(({ model }) => names.includes(model)));
  const ratios = aimed.flatMap((row) => row?.ratio ?? []);
  const missing = AIMED.flatMap((names, i) => (aimed[i] ? [] : [names[0]!]));
  return { machine: cpus()[0]?.model, node: process.version, date: new Date().toISOString().slice(0, 10), geometricMean: geometricMean(ratios), largest: Math.max(...ratios), aim: AIM, missing, rows, refusals, pairs };
}

const COLUMNS = ['model', 'original ms', 'canonical ms', 'ratio', 'floor', 'unoptimised', 'nodes', 'lowered'];

function cells({ model, originalMs, canonicalMs, ratio, floorRatio, unoptimisedRatio, nodes, lowered: operators }: Row): string[] {
  return [model, originalMs.toFixed(3), canonicalMs.toFixed(3), ratio.toFixed(2), floorRatio?.toFixed(2) ?? '', unoptimisedRatio?.toFixed(2) ?? '', String(nodes), operators.join(', ')];
}

function remarks({ geometricMean: mean, largest, aim, missing, refusals, pairs }: Summary): string[] {
  return [
    `geometric mean ${mean.toFixed(3)} (aim ${aim.geometricMean}), largest ${largest.toFixed(2)} (aim ${aim.largest})${missing.length > 0 ? `, without ${missing.join(', ')}, which are not here` : ''}; unoptimised: the original with the optimiser off; floor: the canonical form's sums of products alone, by the same kernels, in one call`,
    ...pairs.map((pair) => `${pair.int8} ${pair.int8Ms.toFixed(3)} ms against ${pair.float32} ${pair.float32Ms.toFixed(3)} ms, both canonical: ${pair.ratio.toFixed(2)}, its products alone ${pair.floorRatio.toFixed(2)} (${pair.int8Nodes} and ${pair.float32Nodes} nodes)`),
    ...refusals.map(({ model, refused }) => `${model}: refused: ${refused}`),
  ];
}

function text(all: Summary): string {
  const widths = [24, 12, 13, 7, 7, 12, 6, 0];
  const lines = [COLUMNS, ...all.rows.map(cells)].map((row) => row.map((cell, i) => (i === 0 || i === 7 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' '));
  return [...lines, ...remarks(all)].join('\n');
}

function page(all: Summary): string {
  const row = (line: readonly string[]): string => `| ${line.join(' | ')} |`;
  const head = `# What the canonical form costs\n\n\`npm run bench:models -- --save\`, ${all.date}, ${all.machine}, Node ${all.node}. Medians of CPU time, one thread each, measured in turns.\n`;
  return [head, row(COLUMNS), row(COLUMNS.map(() => '---')), ...all.rows.map((one) => row(cells(one))), '', ...remarks(all), ''].join('\n');
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false }, save: { type: 'boolean', default: false }, seconds: { type: 'string', default: '6' } } });
  const folders = foldersOf(positionals);
  if (folders.length === 0) throw new Error(`no such model.onnx in the folders of ${FOLDERS.join(' and ')}`);
  const results: (Row | Refusal)[] = [];
  for (const folder of folders) results.push(await measure(folder, 1000 * Number(values.seconds)));
  const all = summary(results, await measurePairs(folders, 1000 * Number(values.seconds)));
  if (values.save) {
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(join(RESULTS, 'models.json'), `${JSON.stringify(all, null, 2)}\n`);
    writeFileSync(join(RESULTS, 'models.md'), page(all));
  }
  console.log(values.json ? JSON.stringify(all, null, 2) : text(all));
}

await main();
