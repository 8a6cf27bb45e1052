/**
 * What does a dispute cost? A lying executor and an honest challenger, both real players, on the real contracts on anvil:
 * transactions, gas and time from the opening to the verdict, for every kind of lie.
 *
 *   npm run bench:dispute [-- --json] [-- --games 3] [-- mnist squeezenet stories260K]
 *
 * totalGas sums what the receipts say, whole transactions from the opening to the proof. maxMoveGas and finalStepGas are
 * execution gas: that without 21,000 and the calldata's price (EIP-2028), to be set beside the constants of others, which
 * count execution. The same with everything is maxMoveTransactionGas and finalStepTransactionGas.
 */
import { mkdtempSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keccak256, numberToHex, type Hex } from 'viem';
import { disputeTransactions, type DisputeTransaction } from '#io/chain';
import type { InferenceSession } from '#io/inference';
import { seededRandom } from '#testing';
import { runWithFault } from '../apps/executor/faults/index.js';
import { openOnChain, startArena, type Arena } from '../test/simulation/arena.js';
import { honestTrace, openModel, randomPicture } from '../test/simulation/real-models.js';
import { seat, until } from '../test/simulation/table.js';

const LIES = ['wrong-output', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'] as const;
const MODELS = ['mnist', 'squeezenet', 'stories260K'] as const;
type ModelName = (typeof MODELS)[number];

/** Published figures of others (the project's protocol notes, section "numbers to beat", name the sources), and what is aimed at here. */
const ANCHORS = {
  finalStepGas: '102,728 (Cartesi PRT, execution of its one-step proof)',
  maxMoveGas: '65,175 (Cartesi PRT, execution of a bisection move)',
  totalGas: 'mnist 830,000 with bisection off chain, about 9,500,000 on chain',
  transactions: 'SqueezeNet-size 50 to 92 moves',
  wallMs: 'mnist below 120,000',
} as const;

interface Row {
  readonly model: ModelName;
  readonly lie: (typeof LIES)[number];
  readonly seed: number;
  /** From the opening to the proof; the settlement comes on top. */
  readonly transactions: number;
  readonly totalGas: number;
  readonly settleGas: number;
  /** Execution of the dearest reveal or choice. */
  readonly maxMoveGas: number;
  readonly maxMoveTransactionGas: number;
  /** Execution of the proof. */
  readonly finalStepGas: number;
  readonly finalStepTransactionGas: number;
  /** From sending the opening to the verdict. */
  readonly wallMs: number;
  readonly moves: readonly { move: string; by: string; gas: number; executionGas: number }[];
}

interface Case {
  readonly arena: Arena;
  readonly session: InferenceSession;
  readonly model: ModelName;
  readonly lie: (typeof LIES)[number];
  readonly seed: number;
}

async function measure({ arena, session, model, lie, seed }: Case): Promise<Row> {
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

function figures(sent: readonly DisputeTransaction[]): Omit<Row, 'model' | 'lie' | 'seed' | 'wallMs'> {
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

function print(rows: readonly Row[]): void {
  const columns = ['transactions', 'totalGas', 'settleGas', 'maxMoveGas', 'maxMoveTransactionGas', 'finalStepGas', 'finalStepTransactionGas', 'wallMs'] as const;
  console.log(['model'.padEnd(11), 'lie'.padEnd(19), ...columns.map((c) => c.padStart(c.length + 1))].join(' '));
  for (const row of rows) console.log([row.model.padEnd(11), row.lie.padEnd(19), ...columns.map((c) => String(row[c]).padStart(c.length + 1))].join(' '));
  for (const model of MODELS) {
    const worst = rows.filter((r) => r.model === model).sort((a, b) => b.totalGas - a.totalGas)[0];
    if (worst) console.log(`\ndearest of ${model}, gas (of it execution): ${worst.moves.map(({ move, gas, executionGas }) => `${move} ${gas} (${executionGas})`).join(', ')}`);
  }
  console.log('\npublished elsewhere:');
  for (const [figure, text] of Object.entries(ANCHORS)) console.log(`  ${figure.padEnd(13)} ${text}`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false }, games: { type: 'string', default: '2' } } });
  const arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-bench-')), 'anvil.log'));
  const rows: Row[] = [];
  try {
    for (const model of MODELS.filter((name) => positionals.length === 0 || positionals.includes(name))) {
      const session = await openModel(model);
      for (const lie of LIES) for (let game = 0; game < Number(values.games); game++) rows.push(await measure({ arena, session, model, lie, seed: 1 + rows.length }));
      await session.close();
    }
  } finally {
    await arena.stop();
  }
  if (values.json) console.log(JSON.stringify({ machine: cpus()[0]?.model, node: process.version, anchors: ANCHORS, rows }, null, 2));
  else print(rows);
}

await main();
