/**
 * What is on a photo, by SqueezeNet.
 *
 *   assay up
 *   node dist/examples/typescript/photo.js [--photo data/photos/kitten_224.png]
 */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { tensorOf, valuesOf } from '../../libs/sdk/package.js';
import { argmax, onLocalNetwork, option } from './network.js';

const SIDE = 227;
/** Channel means of the training set: blue, green, red (models/squeezenet/README.md). */
const MEANS = [104, 117, 123];

async function planes(photo: string): Promise<Float32Array> {
  const rgb = await sharp(photo).removeAlpha().toColourspace('srgb').resize(SIDE, SIDE, { fit: 'cover', kernel: 'cubic' }).raw().toBuffer();
  const plane = SIDE * SIDE;
  return Float32Array.from({ length: 3 * plane }, (_, i) => rgb[3 * (i % plane) + 2 - Math.floor(i / plane)]! - MEANS[Math.floor(i / plane)]!);
}

await onLocalNetwork(async ({ assay }) => {
  const { modelId } = await assay.register({ name: 'squeezenet', file: readFileSync('models/squeezenet/model.onnx') });
  const input = tensorOf(await planes(option('photo') ?? 'data/photos/kitten_224.png'), [1, 3, SIDE, SIDE]);
  const answer = await assay.submit({ model: modelId, inputs: [input] });
  const scores = valuesOf(answer.outputs[0]!);
  const best = argmax(scores);
  const names = readFileSync('data/photos/imagenet_classes.txt', 'utf8').split('\n');
  return { class: best, name: names[best], probability: Number(scores[best]).toFixed(3), jobId: answer.jobId, executor: answer.executor };
});
