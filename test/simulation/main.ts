/**
 * Do all models survive a dispute at any node? Compiles, loads and runs each model, lets an executor lie at random nodes,
 * and plays each dispute to its end on the real contracts; ends with 1 if the honest side loses one or a model is refused.
 *
 *   npm run test:models [-- --seed 20261121] [-- --nodes 20] [-- --model mnist-8] [-- --json]
 *
 * Models are the folders with a model.onnx in ASSAY_MODELS_DIR; where there is no such folder, the project's own.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AssayError } from '#core/protocol';
import { PROJECT_ROOT, seededRandom } from '#testing';
import { hasSharedModels, MODELS_FOLDER } from '../models/shared-models.js';
import { startArena } from './arena.js';
import { playModel, type Campaign, type Spread } from './model-games.js';

const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '20261121' }, nodes: { type: 'string', default: '20' }, model: { type: 'string', multiple: true }, json: { type: 'boolean', default: false } },
});
const [seed, nodes] = [Number(options.seed), Number(options.nodes)];
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(nodes) || nodes < 1) throw new RangeError('--seed and --nodes are whole numbers');
const source = hasSharedModels ? MODELS_FOLDER : join(PROJECT_ROOT, 'models');

interface Refusal {
  readonly model: string;
  readonly refused: string;
}

type Row = (Campaign & { readonly model: string; readonly seconds: number }) | Refusal;

const folder = mkdtempSync(join(tmpdir(), 'assay-models-'));
const arena = await startArena(join(folder, 'anvil.log'));
const rows: Row[] = [];
try {
  for (const model of modelNames()) {
    rows.push(await play(model));
    if (!options.json) console.log(lineOf(rows.at(-1)!));
  }
} finally {
  await arena.stop();
  rmSync(folder, { recursive: true });
}
if (options.json) console.log(JSON.stringify({ seed, nodes, rows }, null, 2));
else console.log(`${rows.length} models, ${total((row) => row.games)} games, ${total((row) => row.won)} won by the honest side, seed ${seed}`);
if (rows.length === 0 || rows.some((row) => 'refused' in row || row.games < nodes || row.won < row.games || row.beyond.length > 0)) process.exitCode = 1;

function modelNames(): string[] {
  const all = readdirSync(source).filter((name) => existsSync(join(source, name, 'model.onnx')));
  const unknown = options.model?.filter((name) => !all.includes(name)) ?? [];
  if (unknown.length > 0) throw new RangeError(`no model ${unknown.join(', ')} in ${source}: there are ${all.join(', ')}`);
  return options.model ?? all;
}

async function play(model: string): Promise<Row> {
  const started = performance.now();
  try {
    const campaign = await playModel(arena, { file: readFileSync(join(source, model, 'model.onnx')), nodes, random: seededRandom(seed) });
    return { model, ...campaign, seconds: Math.round((performance.now() - started) / 1000) };
  } catch (error) {
    if (error instanceof AssayError && error.code.startsWith('MODEL_')) return { model, refused: error.message };
    throw error;
  }
}

function total(count: (row: Campaign) => number): number {
  return rows.reduce((sum, row) => sum + ('refused' in row ? 0 : count(row)), 0);
}

function lineOf(row: Row): string {
  if ('refused' in row) return `${row.model.padEnd(24)} refused: ${row.refused}`;
  const of = ({ min, median, max }: Spread): string => `${min} / ${median} / ${max}`;
  const told = `${row.model.padEnd(24)} ${row.nodes} of ${row.values} nodes, ${row.won} of ${row.games} games won, transactions ${of(row.transactions)}, gas ${of(row.gas)}, dearest move ${row.mostGas}, ${row.hidden} nodes without a lie that shows, ${row.seconds} s`;
  return [told, ...row.losses, ...row.beyond].join('\n  ');
}
