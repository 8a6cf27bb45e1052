import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '#testing';
import { message } from '../models/building.js';

/** Rows and columns of one weight matrix: 16 MiB. */
const SIZE = 2048;
const MATRIX = 4 * SIZE * SIZE;

/** Writes a model of MatMuls whose weights lie in a file beside it, at least `bytes` in all. Gives the model's path and the weights' bytes. */
export function writeExternalModel(folder: string, { bytes, seed }: { bytes: number; seed: number }): { file: string; bytes: number } {
  const count = Math.max(1, Math.ceil(bytes / MATRIX));
  const file = join(folder, 'model.onnx');
  writeFileSync(file, modelOf(count));
  const weights = openSync(join(folder, 'weights.bin'), 'w');
  const block = matrix(seed);
  for (let i = 0; i < count; i++) {
    block[0] = i;
    writeSync(weights, new Uint8Array(block.buffer));
  }
  closeSync(weights);
  return { file, bytes: count * MATRIX };
}

/** Numbers around zero that are small enough not to overflow in a long chain; matrices differ in their first element. */
function matrix(seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: SIZE * SIZE }, () => (random.next() - 0.5) / 16);
}

function modelOf(count: number): Uint8Array {
  const info = (name: string): Uint8Array => message([1, name], [2, message([1, message([1, 1], [2, message([1, message([1, 2])], [1, message([1, SIZE])])])])]);
  const entry = (key: string, value: string): [number, Uint8Array] => [13, message([1, key], [2, value])];
  const weight = (i: number): Uint8Array => message([1, SIZE], [1, SIZE], [2, 1], [8, `w${i}`], entry('location', 'weights.bin'), entry('offset', String(i * MATRIX)), entry('length', String(MATRIX)), [14, 1]);
  const all = Array.from({ length: count }, (_, i) => i);
  const node = (i: number): Uint8Array => message([1, i === 0 ? 'x' : `v${i - 1}`], [1, `w${i}`], [2, i === count - 1 ? 'y' : `v${i}`], [4, 'MatMul']);
  const graph = message(...all.map((i): [number, Uint8Array] => [1, node(i)]), [2, 'large'], ...all.map((i): [number, Uint8Array] => [5, weight(i)]), [11, info('x')], [12, info('y')]);
  return message([1, 8], [7, graph], [8, message([2, 17])]);
}
