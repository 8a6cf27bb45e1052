import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '#core/hashing';
import { compileModel, loadCanonical } from '#core/onnx';
import { openSession, selfTest } from '#io/inference';
import { PROJECT_ROOT } from '#testing';
import { floats, int64s } from './building.js';
import { argmax } from './plain-runtime.js';
import { hasSharedModels, sharedFile } from './shared-models.js';

const FOLDER = join(PROJECT_ROOT, 'models/stories260K');
/** BOS and the tokens that the original model follows it with. */
const GREEDY = JSON.parse(readFileSync(join(FOLDER, 'greedy200.json'), 'utf8')) as number[];
const VOCABULARY = 512;

/** The token with the highest score at a place. */
function bestAt(logits: Tensor, place: number): number {
  return argmax(floats(logits).subarray(place * VOCABULARY, (place + 1) * VOCABULARY));
}

describe('stories260K', () => {
  const length = GREEDY.length - 1;
  const model = compileModel(readFileSync(join(FOLDER, 'model.onnx')), { dims: { T: length } });

  it('keeps no node that only computes shapes, and reads back', () => {
    expect(model.report.lowered).toMatchObject({ Shape: [], Range: [], Greater: [] });
    expect(Object.keys(model.report.operators)).not.toContain('Cast');
    expect(loadCanonical(model.onnx).manifest).toEqual(model.manifest);
  });

  it('passes its self-test, token numbers outside the vocabulary among the inputs', async () => {
    const session = await openSession(model);
    const { mismatches, elements } = await selfTest([session], { seed: 3 });
    const wild = BigInt64Array.from({ length }, (_, i) => [2n ** 62n, -1n, -(2n ** 63n), 512n][i % 4]!);
    const [logits] = await session.run([{ dtype: 'int64', dims: [1, length], data: new Uint8Array(wild.buffer) }]);
    await session.close();
    expect(mismatches).toEqual([]);
    expect(elements).toBeGreaterThan(2_000);
    expect(floats(logits!).every(Number.isFinite)).toBe(true);
  });

  it('tells the story that the original model tells, token by token', async () => {
    const session = await openSession(model);
    const tokens = [GREEDY[0]!];
    while (tokens.length < GREEDY.length) {
      const padded = Array.from({ length }, (_, i) => tokens[i] ?? 0);
      const [logits] = await session.run([{ ...int64s(padded), dims: [1, length] }]);
      tokens.push(bestAt(logits!, tokens.length - 1));
    }
    await session.close();
    expect(tokens).toEqual(GREEDY);
  }, 60_000);
});

describe.skipIf(!hasSharedModels)('stories260K with a cache', () => {
  const bytes = hasSharedModels ? sharedFile('stories260K_kv', 'model.onnx') : new Uint8Array();

  it('reads back with an empty cache and with a full one', () => {
    for (const P of [0, 90]) {
      const { onnx, manifest } = compileModel(bytes, { dims: { T: 1, P } });
      expect(loadCanonical(onnx).manifest).toEqual(manifest);
      expect(compileModel(onnx).manifest.modelId).toBe(manifest.modelId);
    }
  });

  it.each([0, 1, 130])('passes its self-test with a cache of %i', async (P) => {
    const session = await openSession(compileModel(bytes, { dims: { T: 1, P } }));
    const { mismatches } = await selfTest([session], { seed: 3 });
    await session.close();
    expect(mismatches).toEqual([]);
  });

  it('tells the same story, one token at a time', async () => {
    const tokens = [GREEDY[0]!];
    let cache: Tensor[] = [];
    while (tokens.length < GREEDY.length) {
      const model = compileModel(bytes, { dims: { T: 1, P: tokens.length - 1 } });
      const session = await openSession(model);
      const empty = model.manifest.signature.inputs.slice(1).map((header): Tensor => ({ ...header, data: new Uint8Array() }));
      const [logits, ...present] = await session.run([{ ...int64s([tokens.at(-1)!]), dims: [1, 1] }, ...(tokens.length === 1 ? empty : cache)]);
      await session.close();
      tokens.push(bestAt(logits!, 0));
      cache = present;
    }
    expect(tokens).toEqual(GREEDY);
  }, 120_000);
});
