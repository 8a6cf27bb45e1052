/**
 * A story, token by token: the loop is here, each token is a job of its own with a receipt of its own. The model sees a
 * fixed number of places; those after the last token are masked by the model itself.
 *
 *   assay up
 *   node dist/examples/typescript/story.js [--tokens 20]
 *
 * Prints token numbers of the model's vocabulary of 512; the words belong to a tokenizer, which is not part of the model.
 */
import { readFileSync } from 'node:fs';
import { tensorOf, valuesOf } from '../../libs/sdk/package.js';
import { argmax, onLocalNetwork, option } from './network.js';

const START = 1;
const VOCABULARY = 512;

await onLocalNetwork(async ({ assay }) => {
  const count = Number(option('tokens') ?? 20);
  const file = readFileSync('models/stories260K/model.onnx');
  const { modelId } = await assay.register({ name: `story-${count}`, file, dims: { T: count } });
  const tokens = [START];
  const jobs = new Set<string>();
  while (tokens.length <= count) {
    const places = BigInt64Array.from({ length: count }, (_, i) => BigInt(tokens[i] ?? 0));
    const { outputs, jobId } = await assay.submit({ model: modelId, inputs: [tensorOf(places, [1, count])], insuredValue: 10n ** 16n });
    const last = (tokens.length - 1) * VOCABULARY;
    tokens.push(argmax(valuesOf(outputs[0]!).subarray(last, last + VOCABULARY)));
    jobs.add(jobId);
  }
  return { tokens, jobs: jobs.size };
});
