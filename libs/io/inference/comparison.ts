import { DTYPES, elementCount, elementWord, type Tensor, type TensorHeader } from '#core/hashing';
import { seeded } from './probes.js';
import type { OriginalSession } from './original.js';
import type { InferenceSession } from './session.js';

/** Integer inputs are token numbers below this. */
const TOKENS = 500;
const WARM_UP_RUNS = 3;
const MIN_ROUNDS = 9;
/** A timed sample covers about this many milliseconds, so that the clock's grain does not matter. */
const SAMPLE_MS = 12;

/** How far a canonical model's outputs lie from the original's, at most. */
export interface Difference {
  readonly absolute: number;
  /** To the largest number of that output of the original. */
  readonly relative: number;
}

/** What one run costs, in milliseconds of this process's CPU time, which other processes do not lengthen: medians. */
export interface Cost {
  readonly originalMs: number;
  readonly canonicalMs: number;
  readonly ratio: number;
  /** Of the original without ONNX Runtime's optimiser, to the same: what leaving it off costs alone. */
  readonly unoptimisedRatio?: number;
  /** Of the least that the canonical form can cost, to the same. */
  readonly floorRatio?: number;
}

export interface Compared {
  readonly session: InferenceSession;
  readonly original: OriginalSession;
  readonly unoptimised?: OriginalSession;
}

/** Inputs that follow from the seed: multiples of 1/512 from −2 to 2 (float16 has them too), token numbers, bytes. */
export function sampleInputs(headers: readonly TensorHeader[], seed: number): Tensor[] {
  const random = seeded(seed);
  return headers.map(({ dtype, dims }) => {
    const { size } = DTYPES[dtype];
    const data = new Uint8Array(elementCount(dims) * size);
    const view = new DataView(data.buffer);
    for (let at = 0; at < data.length; at += size) {
      if (dtype === 'float32') view.setFloat32(at, random(2048) / 512 - 2, true);
      else if (dtype === 'int64') view.setBigInt64(at, BigInt(random(TOKENS)), true);
      else if (dtype === 'int32') view.setInt32(at, random(TOKENS), true);
      else view.setUint8(at, random(dtype === 'bool' ? 2 : 256));
    }
    return { dtype, dims, data };
  });
}

/** The largest differences over sample inputs of seeds `seed`, `seed` + 1, … */
export async function differenceFrom({ session, original }: Compared, { seed, samples }: { seed: number; samples: number }): Promise<Difference> {
  let [absolute, relative] = [0, 0];
  for (let i = 0; i < samples; i++) {
    const inputs = sampleInputs(session.model.manifest.signature.inputs, seed + i);
    const [ours, theirs] = [await session.run(inputs), await original.run(inputs)];
    ours.forEach((tensor, output) => {
      const found = difference(numbers(tensor), numbers(theirs[output]!));
      [absolute, relative] = [Math.max(absolute, found.absolute), Math.max(relative, found.relative)];
    });
  }
  return { absolute, relative };
}

function difference(ours: Float64Array, theirs: Float64Array): Difference {
  const largest = theirs.reduce((max, value) => (Number.isFinite(value) ? Math.max(max, Math.abs(value)) : max), 0);
  const absolute = ours.reduce((max, value, i) => Math.max(max, Object.is(value, theirs[i]) ? 0 : apart(value, theirs[i]!)), 0);
  return { absolute, relative: absolute === 0 ? 0 : absolute / largest };
}

/** Infinite where only one side is a number. */
function apart(a: number, b: number): number {
  return a === b ? 0 : Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Infinity;
}

function numbers(tensor: Tensor): Float64Array {
  const count = elementCount(tensor.dims);
  if (tensor.dtype === 'float32') return Float64Array.from(new Float32Array(tensor.data.slice().buffer));
  if (tensor.dtype === 'int8') return Float64Array.from(new Int8Array(tensor.data.slice().buffer));
  const bits = 8 * DTYPES[tensor.dtype].size;
  const signed = tensor.dtype === 'int32' || tensor.dtype === 'int64';
  return Float64Array.from({ length: count }, (_, i) => Number(signed ? BigInt.asIntN(bits, elementWord(tensor, i)) : elementWord(tensor, i)));
}

/** What a session is measured against: something that computes. */
export interface Measured {
  readonly session: InferenceSession;
  readonly original: { compute(inputs: readonly Tensor[]): Promise<unknown> };
  readonly unoptimised?: OriginalSession;
  readonly floor?: { compute(): Promise<unknown> };
}

/** All in turns within one time, so that they see the same machine; the order turns round every time. */
export async function costAgainst({ session, original, unoptimised, floor }: Measured, { seed, milliseconds }: { seed: number; milliseconds: number }): Promise<Cost> {
  const inputs = sampleInputs(session.model.manifest.signature.inputs, seed);
  const others: Run[] = [...(unoptimised ? [() => unoptimised.compute(inputs)] : []), ...(floor ? [() => floor.compute()] : [])];
  const [originalMs, canonicalMs, ...rest] = await inTurns([() => original.compute(inputs), () => session.run(inputs), ...others], milliseconds) as [number, number, ...number[]];
  const ratios = rest.map((ms) => ms / originalMs);
  return { originalMs, canonicalMs, ratio: canonicalMs / originalMs, ...(unoptimised && { unoptimisedRatio: ratios.shift()! }), ...(floor && { floorRatio: ratios.shift()! }) };
}

type Run = () => Promise<unknown>;

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
  const start = process.cpuUsage();
  for (let i = 0; i < repeats; i++) await run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000 / repeats;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
