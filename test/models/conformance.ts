import ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { DTYPES, type Tensor } from '#core/hashing';
import { compileModel, loadCanonical } from '#core/onnx';
import { openSession, selfTest } from '#io/inference';
import { noiseOf, sourceModel, type SourceModel } from './building.js';

export interface ConformanceCase {
  readonly name: string;
  readonly model: SourceModel;
  /** How far the outputs may be from the source model's, on a scale where their largest magnitude, or 1, is 1. */
  readonly tolerance?: number;
}

const SEED = 20261121;
const TOLERANCE = 5e-7;

/**
 * What every lowering must do: its values in ONNX Runtime equal the reference on ordinary and hostile inputs, its outputs are
 * close to what the source model gives, and its canonical file compiles to itself. `note` is told how close.
 */
export function describeConformance(cases: readonly ConformanceCase[], note: (name: string, difference: number) => void = () => undefined): void {
  describe.each(cases)('$name', ({ name, model: source, tolerance = TOLERANCE }) => {
    it('computes in ONNX Runtime what the reference says, on every value', async () => {
      const session = await openSession(compileModel(sourceModel(source)));
      const { mismatches, elements } = await selfTest([session], { seed: SEED, elementsPerValue: 64 });
      await session.close();
      expect(mismatches).toEqual([]);
      expect(elements).toBeGreaterThan(0);
    });

    it('gives nearly what the source model gives', async () => {
      const difference = await differenceFromSource(sourceModel(source));
      note(name, difference);
      expect(difference).toBeLessThan(tolerance);
    });

    it('is read back from its canonical file', () => {
      const model = compileModel(sourceModel(source));
      const again = loadCanonical(model.onnx);
      expect(again.manifest).toEqual(model.manifest);
      expect(again.initializers).toEqual(model.initializers);
    });
  });
}

/** Largest difference of an output element between canonical form and ONNX Runtime with default options, relative to the largest magnitude or 1. */
async function differenceFromSource(bytes: Uint8Array): Promise<number> {
  const model = compileModel(bytes);
  const inputs = model.manifest.signature.inputs.map((header, i) => noiseOf(header, SEED + i));
  const [session, plain] = [await openSession(model), await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })];
  const ours = (await session.run(inputs)).map(numbers);
  const results = await plain.run(Object.fromEntries(inputs.map((tensor, i) => [plain.inputNames[i]!, runtimeTensor(tensor)])));
  await Promise.all([session.close(), plain.release()]);
  const theirs = model.manifest.signature.outputs.map(({ name }) => Array.from(results[name]!.data as ArrayLike<number | bigint>, Number));
  const scale = Math.max(1, ...theirs.flat().filter(Number.isFinite).map(Math.abs));
  return Math.max(...ours.flatMap((output, i) => output.map((value, j) => distance(value, theirs[i]![j]!) / scale)));
}

/** Equal infinities and two NaNs are 0 apart. */
function distance(a: number, b: number): number {
  return Object.is(a, b) || a === b ? 0 : Math.abs(a - b);
}

const VIEWS = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array } as const;

function runtimeTensor({ dtype, dims, data }: Tensor): ort.Tensor {
  return new ort.Tensor(dtype, new VIEWS[dtype](Uint8Array.from(data).buffer) as never, [...dims]);
}

function numbers({ dtype, data }: Tensor): number[] {
  return Array.from(new VIEWS[dtype](Uint8Array.from(data).buffer, 0, data.length / DTYPES[dtype].size) as ArrayLike<number | bigint>, Number);
}
