import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Hex } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { elementCount, elementWord, listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { compileModel } from '#core/onnx';
import { lyingTrace, statesFlippedFrom, Trace, type TraceReader } from '#core/trace';
import { disputeTransactions } from '#io/chain';
import { openSession, traceFrom, type InferenceSession } from '#io/inference';
import { seededRandom, type Random } from '#testing';
import { int64s, noise, sourceModel } from '../models/building.js';
import { openOnChain, startArena, type Arena } from './arena.js';
import { honestTrace } from './real-models.js';
import { seat, until } from './table.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 777);
const float32s = (values: readonly number[]): Tensor => ({ dtype: 'float32', dims: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) });

/** A network through every operator that multiplies, indexes or moves. */
const SOURCE = sourceModel({
  inputs: { ids: [1, 6], q: [1, 6, 8] },
  dtypes: { ids: 'int64' },
  constants: {
    table: noise([20, 8], 1), bias: noise([6], 2), w: noise([1, 2, 3, 3], 3), d: noise([2, 1, 3, 3], 4), square: noise([8, 8], 5),
    plane: int64s([1, 1, 6, 6]), pads: int64s([0, 0, 1, 1, 0, 0, 1, 1]), wide: int64s([1, 2, 1, 1]), twice: int64s([1, 1, 1, 2]),
    none: float32s([]), scales: float32s([1, 1, 2, 1]), axis: { ...int64s([2]), dims: [] }, places: { ...int64s(Array.from({ length: 24 }, (_, i) => (5 * i) % 7)), dims: [1, 2, 3, 4] },
    rows: int64s([24, -1]),
  },
  nodes: [
    { op: 'Gather', inputs: ['table', 'ids'], output: 'words' },
    { op: 'MatMul', inputs: ['words', 'square'], output: 'keys' },
    { op: 'Transpose', inputs: ['keys'], output: 'turned', attributes: { perm: [0, 2, 1] } },
    { op: 'MatMul', inputs: ['q', 'turned'], output: 'scores' },
    { op: 'Reshape', inputs: ['scores', 'plane'], output: 'p' },
    { op: 'Pad', inputs: ['p', 'pads'], output: 'padded', attributes: { mode: 'edge' } },
    { op: 'ConvTranspose', inputs: ['padded', 'w'], output: 'spread' },
    { op: 'Conv', inputs: ['spread', 'd'], output: 'deep', attributes: { group: 2, pads: [1, 1, 1, 1] } },
    { op: 'Resize', inputs: ['deep', 'none', 'scales'], output: 'tall', attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' } },
    { op: 'Tile', inputs: ['tall', 'twice'], output: 'tiled' },
    { op: 'CumSum', inputs: ['tiled', 'axis'], output: 'sums' },
    { op: 'GatherElements', inputs: ['sums', 'places'], output: 'some', attributes: { axis: 3 } },
    { op: 'Transpose', inputs: ['some'], output: 'back', attributes: { perm: [0, 1, 3, 2] } },
    { op: 'Concat', inputs: ['back', 'back'], output: 'both', attributes: { axis: 2 } },
    { op: 'Reshape', inputs: ['both', 'rows'], output: 'matrix' },
    { op: 'Gemm', inputs: ['matrix', 'matrix'], output: 'y', attributes: { transA: 1, alpha: { float: 0.5 } } },
  ],
  outputs: { y: [2, 2] },
});

let arena: Arena;
let session: InferenceSession;
beforeAll(async () => {
  [arena, session] = await Promise.all([startArena(join(mkdtempSync(join(tmpdir(), 'assay-operators-')), 'anvil.log')), openSession(compileModel(SOURCE))]);
}, 60_000);
afterAll(async () => {
  await session?.close();
  await arena?.stop();
});

function inputsFrom(random: Random): Tensor[] {
  const ids = Array.from({ length: 6 }, () => random.between(-25, 25));
  return [{ ...int64s(ids), dims: [1, 6] }, noise([1, 6, 8], random.between(1, 10_000))];
}

interface Lie {
  readonly operator: string;
  readonly inputs: readonly Tensor[];
  readonly trace: TraceReader;
}

/** A run with one element of one value false from a micro-step on, everything after it computed from there; undefined if the outputs hide it. */
async function lieAt(value: number, random: Random): Promise<Lie | undefined> {
  const inputs = inputsFrom(random);
  const { model } = session;
  const honest = await session.trace(inputs);
  const element = random.between(0, elementCount(honest[value]!.dims));
  const told = flipped(honest[value]!, element);
  const values = await traceFrom(model, { inputs, values: honest.with(value, told), fromValue: value });
  const roots = model.manifest.descriptors.at(-1)!.operands.map(({ index }) => tensorRoot(values[index]!));
  const run = new Trace({ model: model.manifest, inputs, initializers: model.initializers, values, outputRoot: listRoot(roots), operatorOf: (code) => operatorByCode(code) });
  if (run.outputRoot === (await honestTrace(session, inputs)).outputRoot) return undefined;
  const statesOf = (v: number, e: number, states: readonly bigint[]) => (v === value && e === element ? statesFlippedFrom(states, random.between(0, states.length), elementWord(told, element)) : states);
  return { operator: operatorByCode(model.manifest.descriptors[value]!.op).name, inputs, trace: lyingTrace(run, { statesOf }) };
}

/** The element with the largest bit of its fraction changed. */
function flipped(tensor: Tensor, element: number): Tensor {
  const data = tensor.data.slice();
  data[4 * element + 2]! ^= 0x40;
  return { ...tensor, data };
}

it(`a lie at each node loses on the real contracts (ASSAY_SEED=${SEED})`, async () => {
  const random = seededRandom(SEED);
  const lying = new Map<Root, () => Promise<TraceReader | 'unknown'>>();
  const honest = new Map<Root, () => Promise<TraceReader | 'unknown'>>();
  const games: { id: Hex; operator: string }[] = [];
  for (const [value, d] of session.model.manifest.descriptors.slice(0, -1).entries()) {
    if (d.output.dtype !== 'float32') continue;
    let lie: Lie | undefined;
    for (let attempt = 0; attempt < 20 && !lie; attempt++) lie = await lieAt(value, random);
    if (!lie) continue;
    const own = await honestTrace(session, lie.inputs);
    const { game, gameId } = await openOnChain(arena, { honest: own, outputRoot: lie.trace.outputRoot, random });
    const { trace } = lie;
    lying.set(game.claim, async () => trace);
    honest.set(game.claim, async () => own);
    games.push({ id: gameId, operator: lie.operator });
  }

  const seats = [seat(arena, arena.executor, lying), seat(arena, arena.challenger, honest)];
  for (const { player } of seats) player.start();
  const [, challenger] = seats;
  await until('every game to be settled', () => challenger!.events.filter(({ kind }) => kind === 'settled').length === games.length, 110_000);
  for (const one of seats) await one.stop();

  const winner = (id: Hex): unknown => challenger!.events.find((event) => event.kind === 'ended' && event.gameId === id);
  for (const { id, operator } of games) {
    expect(winner(id), `a lie in ${operator} (seed ${SEED})`).toMatchObject({ winner: 'challenger' });
    expect((await disputeTransactions(arena.executor, id)).at(-2)!.move, operator).toBe('prove');
  }
  const judged = [...new Set(games.map(({ operator }) => operator))].sort();
  console.log(`${games.length} games, lies in ${judged.join(', ')}`);
  expect(judged).toEqual(expect.arrayContaining(['BatchMatMul', 'Concat', 'Conv', 'ConvTranspose', 'CumSum', 'Gather', 'GatherElements', 'Gemm', 'MatMul', 'Pad', 'Resize', 'Tile', 'Transpose']));
}, 180_000);
