import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** One line of a TestFloat file: operands, the expected result, and the exception flags (not used here). */
export interface VectorLine {
  readonly operands: readonly bigint[];
  readonly expected: bigint;
}

/** Every line of test/vectors/float32/<name>.txt.gz. */
export function readVectors(name: string): VectorLine[] {
  const text = gunzipSync(readFileSync(new URL(`./float32/${name}.txt.gz`, import.meta.url))).toString('ascii');
  return text.trimEnd().split('\n').map((line) => {
    const words = line.split(' ').map((word) => BigInt(`0x${word}`));
    return { operands: words.slice(0, -2), expected: words.at(-2)! };
  });
}
