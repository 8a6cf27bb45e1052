/**
 * One handwritten digit: the answer at once, then on chain, then final, then run again on this machine.
 *
 *   assay up                                        # in another terminal
 *   node dist/examples/typescript/digit.js [--digit 0]
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { tensorOf, valuesOf } from '../../libs/sdk/package.js';
import { argmax, onLocalNetwork, option } from './network.js';

const PIXELS = 28 * 28;

function digit(index: number): Float32Array {
  const images = gunzipSync(readFileSync('data/digits/images-idx3-ubyte.gz'));
  return Float32Array.from(images.subarray(16 + index * PIXELS, 16 + (index + 1) * PIXELS));
}

await onLocalNetwork(async ({ assay }) => {
  const image = tensorOf(digit(Number(option('digit') ?? 0)), [1, 1, 28, 28]);
  const started = Date.now();
  const answer = await assay.submit({ model: { name: 'mnist' }, inputs: [image] });
  const answeredMs = Date.now() - started;
  const committed = await answer.verified({ timeoutMs: 120_000 });
  const final = await answer.final({ timeoutMs: 300_000 });
  const replay = final.receipt && (await assay.replay(final.receipt));
  return {
    digit: argmax(valuesOf(final.outputs[0]!)),
    answeredMs,
    executor: final.executor,
    onChain: committed.verdict?.finality,
    final: final.verdict?.finality,
    /** True if the first answer was proven wrong and this is another executor's. */
    replaced: final.replaced,
    sameBytesHere: replay?.ok,
  };
});
