import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileModel } from '#core/onnx';
import { openSession } from '#io/inference';
import { photoTensor, readDigits } from '../../apps/cli/samples.js';
import { floats } from './building.js';
import { argmax, plainRuntime } from './plain-runtime.js';
import { hasSharedModels, MODELS_FOLDER, sharedFile } from './shared-models.js';

const DATA = join(MODELS_FOLDER, '../data');
const DIGITS = { images: join(DATA, 'digits/t10k-images-idx3-ubyte.gz'), labels: join(DATA, 'digits/t10k-labels-idx1-ubyte.gz') };
const COUNT = 10_000;

/** Both models' publishers give their accuracy over all test digits; the quantised one takes grey values from 0 to 1. */
const CLASSIFIERS = [{ folder: 'mnist-8', percent: 98.91, white: 255 }, { folder: 'mnist-int8-convinteger', percent: 98.93, white: 1 }];

describe.skipIf(!existsSync(DIGITS.images))('all test digits', () => {
  it.each(CLASSIFIERS)('$folder: as many are right as in the original', async ({ folder, percent, white }) => {
    const bytes = sharedFile(folder, 'model.onnx');
    const [session, plain] = [await openSession(compileModel(bytes), { thread: 'calling' }), await plainRuntime(bytes)];
    const right = { ours: 0, theirs: 0, changed: 0 };
    for (const { tensor, label } of readDigits(COUNT, DIGITS)) {
      const pixels = floats(tensor).map((grey) => (grey * white) / 255);
      const input = { ...tensor, data: new Uint8Array(pixels.buffer) };
      const [ours, theirs] = [argmax(floats((await session.run([input]))[0]!)), argmax((await plain.run([input]))[0]!)];
      right.ours += Number(ours === label);
      right.theirs += Number(theirs === label);
      right.changed += Number(ours !== theirs);
    }
    await Promise.all([session.close(), plain.close()]);
    console.log(`${folder}: ${right.ours / 100} % of ${COUNT} digits, the original ${right.theirs / 100} %, ${right.changed} answered differently`);
    expect(right.ours / 100).toBe(percent);
    expect(right.theirs / 100).toBe(percent);
  }, 120_000);
});

describe.skipIf(!hasSharedModels)('four photos', () => {
  it('squeezenet sees on each what the original sees', async () => {
    const bytes = sharedFile('squeezenet1.0-f32', 'model.onnx');
    const [session, plain] = [await openSession(compileModel(bytes)), await plainRuntime(bytes)];
    for (const photo of ['fish.png', 'horse-cart.jpg', 'kimono.jpg', 'kitten_224.png']) {
      const input = await photoTensor(join(DATA, 'photos', photo));
      expect(argmax(floats((await session.run([input]))[0]!)), photo).toBe(argmax((await plain.run([input]))[0]!));
    }
    await Promise.all([session.close(), plain.close()]);
  }, 60_000);
});
