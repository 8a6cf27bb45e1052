import { DTYPES, elementCount, type Tensor } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import type { NumberedNode } from '../numbering.js';
import { initializerName } from '../emission.js';
import type { Layout } from './layout.js';

const ARITHMETIC = new Set(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min']);

/** A run of elements that ONNX Runtime treats at once costs it about as much as so many elements. */
const SHORT_RUN = 32;
/** More of them leave the fastest cache. */
const MOST_ELEMENTS = 2 ** 16;

/**
 * Name of a constant operand repeated to the size of the result, where ONNX Runtime would broadcast it in short runs:
 * 64×8×4 numbers times 64×1×4 took seven times as long as times 64×8×4. Undefined where it stays as it is.
 */
export function expanded(form: Layout, { operator, operands, output }: NumberedNode, operand: OperandRef): string | undefined {
  const { kind, index, dims } = operand;
  if (!ARITHMETIC.has(operator) || kind !== 'initializer' || elementCount(dims) === 1 || elementCount(output.dims) > MOST_ELEMENTS) return undefined;
  if (dims.join() === output.dims.join() || operands.every((other) => other.dims.join() !== output.dims.join())) return undefined;
  if (runOf(dims, output.dims) >= SHORT_RUN) return undefined;
  return form.constant(`${initializerName(index)}:${output.dims.join('x')}`, () => repeated(form.graph.initializers[index]!, output.dims));
}

/** How many elements in a row have the operand's elements in a row, or one of them. */
function runOf(dims: readonly number[], whole: readonly number[]): number {
  const sizes = [...Array<number>(whole.length - dims.length).fill(1), ...dims];
  let run = 1;
  let single: boolean | undefined;
  for (let axis = whole.length - 1; axis >= 0; axis--) {
    if (whole[axis] === 1) continue;
    single ??= sizes[axis] === 1;
    if (single !== (sizes[axis] === 1)) break;
    run *= whole[axis]!;
  }
  return run;
}

function repeated({ dtype, dims, data }: Tensor, whole: readonly number[]): Tensor {
  const { size } = DTYPES[dtype];
  const sizes = [...Array<number>(whole.length - dims.length).fill(1), ...dims];
  const filled = new Uint8Array(elementCount(whole) * size);
  for (let to = 0; to < filled.length; to += size) {
    let [rest, from, stride] = [to / size, 0, 1];
    for (let axis = whole.length - 1; axis >= 0; axis--) {
      if (sizes[axis] !== 1) from += (rest % whole[axis]!) * stride;
      stride *= sizes[axis]!;
      rest = Math.floor(rest / whole[axis]!);
    }
    filled.set(data.subarray(from * size, (from + 1) * size), to);
  }
  return { dtype, dims: [...whole], data: filled };
}
