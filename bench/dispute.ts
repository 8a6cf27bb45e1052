/**
 * What does a dispute cost? A lying executor and an honest challenger, both real players, on the real contracts on anvil:
 * transactions, gas and time from the opening to the verdict, for every kind of lie.
 *
 *   npm run bench:dispute [-- --json] [-- --save] [-- --games 3] [-- mnist squeezenet stories260K]
 *
 * One row a model: the most that any of its games took of each figure; with --json also every game. --save writes
 * bench/results/dispute.json and dispute.md. Ends with 1 if a target of moves or gas is missed; time is the machine's.
 *
 * totalGas sums what the receipts say, whole transactions from the opening to the proof; wallMs is from sending the opening to the verdict. maxMoveGas and finalStepGas are
 * execution gas: that without 21,000 and the calldata's price (EIP-2028), to be set beside the constants of others, which
 * count execution. The same with everything is maxMoveTransactionGas and finalStepTransactionGas.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keccak256, numberToHex, type Hex } from 'viem';
import { disputeTransactions, type DisputeTransaction } from '#io/chain';
import type { InferenceSession } from '#io/inference';
import { PROJECT_ROOT, seededRandom } from '#testing';
import { runWithFault } from '../apps/executor/faults/index.js';
import { openOnChain, startArena, type Arena } from '../test/simulation/arena.js';
import { honestTrace, openModel, randomPicture } from '../test/simulation/real-models.js';
import { seat, until } from '../test/simulation/table.js';

const LIES = ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'] as const;
const MODELS = ['mnist', 'squeezenet', 'stories260K'] as const;
type ModelName = (typeof MODELS)[number];

const FIGURES = ['transactions', 'totalGas', 'maxMoveGas', 'finalStepGas', 'wallMs'] as const;
type Figures = Record<(typeof FIGURES)[number], number>;

/** What is aimed at; figures left out have no target. */
const TARGETS: Record<ModelName, Partial<Figures>> = {
  mnist: { transactions: 9, totalGas: 600_000, maxMoveGas: 65_175, finalStepGas: 102_728, wallMs: 5_000 },
  squeezenet: { transactions: 17, totalGas: 1_200_000, maxMoveGas: 65_175, finalStepGas: 102_728, wallMs: 20_000 },
  stories260K: { maxMoveGas: 65_175, finalStepGas: 102_728 },
};

/** Published figures of others, as the project's protocol notes collect them. */
const ANCHORS: Record<(typeof FIGURES)[number], string> = {
  transactions: '50 to 92 moves for a SqueezeNet-size model',
  totalGas: 'MNIST 830,000 with bisection off chain, about 9,500,000 on chain',
  maxMoveGas: '65,175 (Cartesi PRT, a bisection move)',
  finalStepGas: '102,728 (Cartesi PRT, its one-step proof)',
  wallMs: 'MNIST below 120,000',
};

interface Game extends Figures {
  readonly model: ModelName;
  readonly lie: (typeof LIES)[number];
  readonly seed: number;
  readonly settleGas: number;
  readonly maxMoveTransactionGas: number;
  readonly finalStepTransactionGas: number;
  readonly moves: readonly { move: string; by: string; gas: number; executionGas: number }[];
}

interface Row extends Figures {
  readonly model: ModelName;
  readonly games: number;
  /** Targets that are met, and those that are missed. */
  readonly met: readonly string[];
  readonly missed: readonly string[];
}

interface Case {
  readonly arena: Arena;
  readonly session: InferenceSession;
  readonly model: ModelName;
  readonly lie: (typeof LIES)[number];
  readonly seed: number;
}

async function measure({ arena, session, model, lie, seed }: Case): Promise<Game> {
  const random = seededRandom(seed);
  const inputs = randomPicture(session, random);
  const honest = await honestTrace(session, inputs);
  const false_ = await runWithFault(lie, { jobId: keccak256(numberToHex(seed)), session, inputs });
  const started = performance.now();
  const { game, gameId } = await openOnChain(arena, { honest, outputRoot: false_.outputRoot, random });
  // WHY: the run behind the claim is part of the time a player needs, so each side makes its own.
  const executor = seat(arena, arena.executor, new Map([[game.claim, () => false_.trace()]]));
  const challenger = seat(arena, arena.challenger, new Map([[game.claim, () => honestTrace(session, inputs)]]));
  for (const { player } of [executor, challenger]) player.start();
  const about = (kind: string) => challenger.events.some((e) => e.kind === kind && e.gameId === gameId);
  await until('the verdict', () => about('ended'));
  const wallMs = performance.now() - started;
  await until('the settlement', () => about('settled'));
  for (const { stop } of [executor, challenger]) await stop();
  return { model, lie, seed, wallMs: Math.round(wallMs), ...figures(await disputeTransactions(arena.executor, gameId as Hex)) };
}

/** From the opening to the proof, each a transaction; the settlement comes on top. */
function figures(sent: readonly DisputeTransaction[]): Omit<Game, 'model' | 'lie' | 'seed' | 'wallMs'> {
  const moves = sent.map(({ move, by, gas, executionGas }) => ({ move, by, gas: Number(gas), executionGas: Number(executionGas) }));
  const verdict = moves.slice(0, -1);
  const between = verdict.slice(1, -1);
  const final = verdict.at(-1)!;
  return {
    transactions: verdict.length,
    totalGas: verdict.reduce((sum, { gas }) => sum + gas, 0),
    settleGas: moves.at(-1)!.gas,
    maxMoveGas: Math.max(...between.map(({ executionGas }) => executionGas)),
    maxMoveTransactionGas: Math.max(...between.map(({ gas }) => gas)),
    finalStepGas: final.executionGas,
    finalStepTransactionGas: final.gas,
    moves,
  };
}

/** The most that any game took of each figure. */
function rowOf(model: ModelName, games: readonly Game[]): Row {
  const most = Object.fromEntries(FIGURES.map((figure) => [figure, Math.max(...games.map((game) => game[figure]))])) as Figures;
  const aims = FIGURES.filter((figure) => TARGETS[model][figure] !== undefined);
  const meets = (figure: keyof Figures) => most[figure] <= TARGETS[model][figure]!;
  return { model, games: games.length, ...most, met: aims.filter(meets), missed: aims.filter((figure) => !meets(figure)) };
}

function summary(games: readonly Game[]) {
  const rows = MODELS.flatMap((model) => {
    const own = games.filter((game) => game.model === model);
    return own.length > 0 ? [rowOf(model, own)] : [];
  });
  const load = loadavg()[0]!.toFixed(1);
  return { date: new Date().toISOString().slice(0, 10), machine: cpus()[0]?.model, load, node: process.version, targets: TARGETS, anchors: ANCHORS, rows, games };
}

type Summary = ReturnType<typeof summary>;

const number = (value: number): string => value.toLocaleString('en-US');
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly string[][]): string => [head, head.map(() => '---'), ...rows].map(line).join('\n');

function page({ date, machine, load, node, rows, games }: Summary): string {
  const targets = FIGURES.map((figure) => [figure, ...rows.map((row) => `${number(row[figure])}${aim(row.model, figure)}`), ANCHORS[figure]]);
  const others = ['transactions', 'totalGas', 'settleGas', 'maxMoveGas', 'maxMoveTransactionGas', 'finalStepGas', 'finalStepTransactionGas', 'wallMs'] as const;
  const dearest = rows.map(({ model }) => games.filter((game) => game.model === model).sort((a, b) => b.totalGas - a.totalGas)[0]!);
  return [
    '# What a dispute costs\n',
    `\`npm run bench:dispute -- --save\`, ${date}, ${machine} at load ${load} of ${cpus().length}, Node ${node}.\n`,
    'The most that any game took, and what was aimed at, beside what others published. Moves and steps in execution gas, totals in whole transactions.\n',
    table(['', ...rows.map(({ model }) => model), 'elsewhere'], targets),
    '\nEvery game:\n',
    table(['model', 'lie', 'seed', ...others], games.map((game) => [game.model, game.lie, String(game.seed), ...others.map((figure) => number(game[figure]))])),
    ...dearest.map(({ model, moves }) => `\nDearest of ${model}, gas of the transaction (of it execution): ${moves.map(({ move, gas, executionGas }) => `${move} ${number(gas)} (${number(executionGas)})`).join(', ')}.`),
    ...rows.filter(({ missed }) => missed.length > 0).map(({ model, missed }) => `\n${model} misses: ${missed.join(', ')}.`),
    '',
  ].join('\n');
}

function aim(model: ModelName, figure: keyof Figures): string {
  const most = TARGETS[model][figure];
  return most === undefined ? '' : ` (≤ ${number(most)})`;
}

function save(all: Summary): void {
  const folder = join(PROJECT_ROOT, 'bench/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'dispute.json'), `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(join(folder, 'dispute.md'), page(all));
}

async function playAll(wanted: readonly ModelName[], perLie: number): Promise<Game[]> {
  const arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-bench-')), 'anvil.log'));
  const games: Game[] = [];
  try {
    for (const model of wanted) {
      const session = await openModel(model);
      for (const lie of LIES) for (let game = 0; game < perLie; game++) games.push(await measure({ arena, session, model, lie, seed: 1 + games.length }));
      await session.close();
    }
  } finally {
    await arena.stop();
  }
  return games;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, save: { type: 'boolean', default: false }, games: { type: 'string', default: '2' } },
  });
  const wanted = MODELS.filter((name) => positionals.length === 0 || positionals.includes(name));
  const all = summary(await playAll(wanted, Number(values.games)));
  if (values.save) save(all);
  console.log(values.json ? JSON.stringify(all, null, 2) : page(all));
  if (all.rows.some(({ missed }) => missed.some((figure) => figure !== 'wallMs'))) process.exitCode = 1;
}

await main();
