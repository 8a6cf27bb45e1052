import type { Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';

export interface Answer {
  /** Index of the highest score. */
  readonly best: number;
  readonly text: string;
}

/** A float32 tensor's numbers. */
export function floats(tensor: Tensor): Float32Array {
  if (tensor.dtype !== 'float32') throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', facts: { expected: 'float32', found: tensor.dtype } });
  return new Float32Array(tensor.data.slice().buffer);
}

/** Index of the highest score, the first of equals. */
export function argmax(scores: Float32Array): number {
  return scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0);
}

const SHOWN = 6;

/** A tensor in one line: type, shape, its first numbers. */
export function tensorText(tensor: Tensor): string {
  const head = `${tensor.dtype}[${tensor.dims.join('×')}]`;
  if (tensor.dtype !== 'float32') return `${head} ${tensor.data.length} bytes`;
  const numbers = [...floats(tensor).subarray(0, SHOWN)].map((x) => Number(x.toPrecision(6)).toString());
  return `${head} ${numbers.join(' ')}${tensor.data.length / 4 > SHOWN ? ' …' : ''}`;
}
