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
import { z } from 'zod';
import { compileModel, openDimensions, type CompileReport } from '#core/onnx';
import { costAgainst, openOriginal, openSession, type Cost } from '#io/inference';

const environment = z.object({ ASSAY_MODELS_DIR: z.string().default(resolve('models')) }).parse(process.env);

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

async function measure(model: string, milliseconds: number): Promise<Row | Refusal> {
  const file = new Uint8Array(readFileSync(join(environment.ASSAY_MODELS_DIR, model, 'model.onnx')));
  let canonical;
  try {
    canonical = compileModel(file, { dims: Object.fromEntries(openDimensions(file).map((name) => [name, DIMS[name] ?? 1])) });
  } catch (error) {
    return { model, refused: String((error as Error).message) };
  }
  const session = await openSession(canonical, { thread: 'calling' });
  const original = await openOriginal(file, { signature: canonical.manifest.signature, widened: canonical.report.widened });
  const cost = await costAgainst({ session, original }, { seed: SEED, milliseconds });
  await Promise.all([session.close(), original.close()]);
  const { nodes } = canonical.report;
  return { model, ...cost, nodes, lowered: lowered(canonical.report) };
}

function lowered({ sourceOperators, operators }: CompileReport): string[] {
  return Object.keys(sourceOperators).filter((name) => !(name in operators));
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
