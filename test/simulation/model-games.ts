import { DTYPES, elementCount, type Tensor, type TensorHeader } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { compileModel, loadCanonical, type ModelManifest } from '#core/onnx';
import type { AssayError } from '#core/protocol';
import { disputePath } from '#core/dispute';
import { openSession } from '#io/inference';
import { disputePrices } from '../../apps/cli/dispute-prices.js';
import type { Random } from '#testing';
import type { Arena } from './arena.js';
import { playOnChain, type ChainResult } from './chain-match.js';
import { lieAtNode, type HonestRun } from './node-lies.js';
import { honestPlayer } from './players.js';
import { honestTrace } from './real-models.js';

/** Sizes of open dimensions: twelve tokens, sixteen in a cache, else one sample. */
const DIMS: Readonly<Record<string, number>> = { T: 12, P: 16 };
/** Integer inputs are token numbers below this. */
const TOKENS = 500;
/** Nodes drawn for one game at most: a lie at some changes no output. */
const DRAWS_PER_GAME = 8;

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** What came of lying at random nodes of a model. */
export interface Campaign {
  readonly modelId: string;
  /** Values of the canonical graph, and at how many different ones an executor lied. */
  readonly values: number;
  readonly nodes: number;
  readonly operators: readonly string[];
  readonly games: number;
  /** Games that the honest challenger won by a proof. */
  readonly won: number;
  /** Nodes drawn where no lie that was tried changes an output. */
  readonly hidden: number;
  /** Of a game, both sides, opening included. */
  readonly transactions: Spread;
  readonly gas: Spread;
  /** Of the dearest transaction. */
  readonly mostGas: number;
  readonly losses: readonly string[];
  /** Games that took more moves or more gas than the compile report says. */
  readonly beyond: readonly string[];
}

/** Compiles a file with every open dimension bound, and reads it back as a coordinator does that registers it. */
export function compileBound(file: Uint8Array): ReturnType<typeof compileModel> {
  try {
    return loadCanonical(compileModel(file).onnx);
  } catch (error) {
    const { code, facts } = error as AssayError;
    if (code !== 'MODEL_DIMS_UNBOUND') throw error;
    const dims = Object.fromEntries((facts['dimensions'] as readonly string[]).map((name) => [name, DIMS[name] ?? 1]));
    return loadCanonical(compileModel(file, { dims }).onnx);
  }
}

/** Plays a whole game on the real contracts about a lie at each of `nodes` random nodes; at fewer nodes several times. */
export async function playModel(arena: Arena, { file, nodes, random }: { file: Uint8Array; nodes: number; random: Random }): Promise<Campaign> {
  const session = await openSession(compileBound(file));
  try {
    const trace = await honestTrace(session, sampleInputs(session.model.manifest.signature.inputs, random));
    return await playRun(arena, { run: { session, trace }, nodes, random });
  } finally {
    await session.close();
  }
}

interface Played {
  readonly value: number;
  readonly result: ChainResult;
}

async function playRun(arena: Arena, { run, nodes, random }: { run: HonestRun; nodes: number; random: Random }): Promise<Campaign> {
  const { trace } = run;
  const played: Played[] = [];
  const hidden = new Set<number>();
  const queue = draws(trace.values.length, nodes * DRAWS_PER_GAME, random);
  for (const value of queue) {
    if (played.length === nodes) break;
    if (hidden.has(value)) continue;
    const lie = await lieAtNode(run, value, random);
    if (!lie) {
      hidden.add(value);
      continue;
    }
    const player = honestPlayer(random, 0);
    played.push({ value, result: await playOnChain({ arena, random, honest: trace, executor: { player, trace: lie }, challenger: { player, trace } }) });
  }
  return campaignOf(run, played, hidden.size);
}

/** Values in random order, again and again. */
function draws(values: number, count: number, random: Random): number[] {
  const order: number[] = [];
  while (order.length < count) {
    const all = Array.from({ length: values }, (_, i) => i);
    while (all.length > 0) order.push(...all.splice(random.between(0, all.length), 1));
  }
  return order;
}

function campaignOf({ session, trace }: HonestRun, played: readonly Played[], hidden: number): Campaign {
  const operatorOf = (value: number): string => operatorByCode(trace.model.descriptors[value]!.op).name;
  const won = played.filter(({ result }) => result.winner === 'challenger' && result.refused.length === 0 && result.moves.at(-1)?.kind === 'prove');
  const gas = played.map(({ result }) => result.moves.map(({ sent }) => Number(sent.gasUsed)));
  return {
    modelId: trace.model.modelId,
    values: trace.values.length,
    nodes: new Set(played.map(({ value }) => value)).size,
    operators: [...new Set(played.map(({ value }) => operatorOf(value)))].sort(),
    games: played.length,
    won: won.length,
    hidden,
    transactions: spread(played.map(({ result }) => result.moves.length)),
    gas: spread(gas.map((all) => all.reduce((a, b) => a + b, 0))),
    mostGas: Math.max(0, ...gas.flat()),
    beyond: played.flatMap((game) => beyondBound(session.model.manifest, game) ?? []),
    losses: played.filter((game) => !won.includes(game)).map(({ value, result }) => `a lie at value ${value} (${operatorOf(value)}): ${result.winner} won with ${result.moves.at(-1)?.kind}`),
  };
}

/** What a game took beyond what the compile report says of its value, or undefined. */
function beyondBound(model: ModelManifest, { value, result }: Played): string | undefined {
  const prices = disputePrices();
  const path = disputePath(model, value, prices);
  const gas = result.moves.reduce((sum, { sent }) => sum + Number(sent.gasUsed), 0);
  const bound = path.gasBound - prices.transaction.settle;
  if (result.moves.length <= path.moves.length && gas <= bound) return undefined;
  return `a lie at value ${value} (${path.operator}): ${result.moves.length} of ${path.moves.length} moves, ${gas} of ${bound} gas`;
}

function spread(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  return { min: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Floats from −2 to 2, token numbers, and bytes. */
export function sampleInputs(headers: readonly TensorHeader[], random: Random): Tensor[] {
  return headers.map(({ dtype, dims }) => {
    const data = new Uint8Array(elementCount(dims) * DTYPES[dtype].size);
    const view = new DataView(data.buffer);
    for (let at = 0; at < data.length; at += DTYPES[dtype].size) {
      if (dtype === 'float32') view.setFloat32(at, random.next() * 4 - 2, true);
      else if (dtype === 'int64') view.setBigInt64(at, BigInt(random.between(0, TOKENS)), true);
      else if (dtype === 'int32') view.setInt32(at, random.between(0, TOKENS), true);
      else view.setUint8(at, random.between(0, dtype === 'bool' ? 2 : 256));
    }
    return { dtype, dims, data };
  });
}
