import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileModel, openDimensions } from '#core/onnx';
import { openSession, sampleInputs } from '#io/inference';
import { hasSharedModels, MODELS_FOLDER, sharedFile } from '../models/shared-models.js';
import { startWorld, type World } from './world.js';

const SEED = 20261121;
/** WHY little: what an executor insures at a time is bounded by its stake. */
const INSURED = 10n ** 16n;
/** Tokens of the language models, and how many are in the cache; other open dimensions are 1. */
const DIMS: Readonly<Record<string, number>> = { T: 12, P: 16 };
const NAMES = hasSharedModels ? readdirSync(MODELS_FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name) : [];

describe.skipIf(!hasSharedModels)('every shared model on a live network', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  }, 120_000);
  afterAll(() => world?.end(), 60_000);

  it.each(NAMES)('%s is registered, and its job comes back as this machine computes it', async (name) => {
    const file = sharedFile(join(name, 'model.onnx'));
    const dims = Object.fromEntries(openDimensions(file).map((dimension) => [dimension, DIMS[dimension] ?? 1]));
    const model = compileModel(file, { dims });
    const { modelId } = await world.assay.register({ name, file, dims });
    expect(modelId).toBe(model.manifest.modelId);

    const inputs = sampleInputs(model.manifest.signature.inputs, SEED);
    const { outputs } = await world.assay.submit({ model: modelId, inputs, insuredValue: INSURED });
    const session = await openSession(model);
    const expected = await session.run(inputs);
    await session.close();
    expect(outputs.map(({ dims: shape }) => shape)).toEqual(expected.map(({ dims: shape }) => shape));
    outputs.forEach((output, i) => expect(Buffer.compare(output.data, expected[i]!.data), `output ${i}`).toBe(0));
  }, 120_000);
});
