import { cpus, loadavg } from 'node:os';
import { worstDispute, type DisputePath } from '#core/dispute';
import { openDimensions, type CanonicalModel, type CompileReport } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { costAgainst, differenceFrom, openOriginal, openSession, type Cost, type Difference } from '#io/inference';
import { disputePrices } from './dispute-prices.js';
import { compileFile, readModel, type Dims, type NamedFile } from './model-files.js';
import { table } from './terminal.js';

/** What became of a model, and how it stands beside its original. */
export interface ModelReport extends CompileReport, Cost {
  readonly model: string;
  readonly modelId: string;
  /** Sizes that open dimensions were given. */
  readonly dims: Dims;
  readonly difference: Difference;
  readonly worstDispute: DisputePath & { readonly name: string };
}

/** A model that was not compiled, and why. */
export interface ModelRefusal {
  readonly model: string;
  readonly code: string;
  readonly refused: string;
  readonly facts: unknown;
}

export interface Reported {
  readonly machine: string;
  /** Processes that wanted to run in the last minute, on average: above the number of processors, figures are worth less. */
  readonly load: number;
  readonly node: string;
  readonly date: string;
  readonly seed: number;
  readonly samples: number;
  readonly rows: readonly ModelReport[];
  readonly refusals: readonly ModelRefusal[];
}

export interface ReportOptions {
  readonly dims: Dims;
  readonly seed: number;
  readonly samples: number;
  /** Of measuring, per model. */
  readonly seconds: number;
}

/** Reports on each file; one that the compiler refuses stands in the report with its reason. */
export async function reportModels(files: readonly NamedFile[], options: ReportOptions, progress: (line: string) => void): Promise<Reported> {
  const rows: ModelReport[] = [];
  const refusals: ModelRefusal[] = [];
  for (const { name, file } of files) {
    progress(`${name} …`);
    try {
      rows.push({ model: name, ...(await reportModel(file, options)) });
    } catch (error) {
      if (!(error instanceof AssayError) || !error.code.startsWith('MODEL_')) throw error;
      refusals.push({ model: name, code: error.code, refused: error.message, facts: error.facts });
    }
  }
  return { machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`, load: Math.round(loadavg()[0]! * 10) / 10, node: process.version, date: new Date().toISOString().slice(0, 10), seed: options.seed, samples: options.samples, rows, refusals };
}

async function reportModel(file: string, { dims, seed, samples, seconds }: ReportOptions): Promise<Omit<ModelReport, 'model'>> {
  const bound = boundDims(await readModel(file), dims);
  const model = await compileFile(file, bound);
  const [session, original] = [await openSession(model, { thread: 'calling' }), await openOriginal(file, { signature: model.manifest.signature, widened: model.report.widened })];
  try {
    const compared = { session, original };
    const difference = await differenceFrom(compared, { seed, samples });
    const cost = await costAgainst(compared, { seed, milliseconds: 1000 * seconds });
    return { modelId: model.manifest.modelId, dims: bound, ...model.report, difference, ...cost, worstDispute: namedWorstDispute(model) };
  } finally {
    await Promise.all([session.close(), original.close()]);
  }
}

/** Every dimension that the file leaves open: as asked, or 1. */
function boundDims(file: Uint8Array, dims: Dims): Dims {
  return Object.fromEntries(openDimensions(file).map((name) => [name, dims[name] ?? 1]));
}

export function namedWorstDispute(model: CanonicalModel): ModelReport['worstDispute'] {
  const worst = worstDispute(model.manifest, disputePrices());
  return { ...worst, name: model.valueNames[worst.value]! };
}

/** One line per model, then what became of the operators of each. */
export function reportText({ machine, load, node, date, seed, samples, rows, refusals }: Reported): string {
  const head = ['model', 'nodes', 'original ms', 'canonical ms', 'ratio', 'absolute', 'relative', 'trace bytes', 'moves', 'gas at most', 'worst at'];
  const figures = rows.map((row) => [row.model, row.nodes, row.originalMs.toFixed(3), row.canonicalMs.toFixed(3), row.ratio.toFixed(2), row.difference.absolute.toExponential(1), row.difference.relative.toExponential(1), row.traceBytes, row.worstDispute.moves.length, row.worstDispute.gasBound, row.worstDispute.name]);
  const lowered = rows.map((row) => [row.model, countsText(row.sourceOperators), countsText(row.operators), becomesText(row)]);
  return [
    `${machine} (load ${load}), Node ${node}, ${date}; one thread, medians of CPU time in turns; largest differences over ${samples} sample inputs, seed ${seed}`,
    table(head, figures),
    ...lowered.map(([model, source, canonical, became]) => `\n${model}\n  source     ${source}\n  canonical  ${canonical}\n  became     ${became}`),
    ...refusals.map(({ model, refused }) => `\n${model}: refused: ${refused}`),
  ].join('\n');
}

export function countsText(operators: Readonly<Record<string, number>>): string {
  return Object.entries(operators).map(([name, n]) => `${name} ${n}`).join(', ');
}

function becomesText({ lowered, widened }: Pick<ModelReport, 'lowered' | 'widened'>): string {
  const parts = Object.entries(lowered).map(([name, parts]) => `${name} → ${parts.length === 0 ? 'nothing left' : [...new Set(parts)].join(' ')}`);
  const text = widenedText(widened);
  return [...parts, ...(text === '' ? [] : [`float16 → float32: ${text}`])].join('; ') || 'nothing changed';
}

export function widenedText({ inputs, outputs, initializers, casts }: CompileReport['widened']): string {
  return [...inputs, ...outputs, ...(initializers ? [`${initializers} constants`] : []), ...(casts ? [`${casts} Casts`] : [])].join(', ');
}
