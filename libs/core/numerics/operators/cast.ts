import type { Dtype } from '#core/hashing';
import { expect, operand } from '../checks.js';
import { f32FromI64, f32ToI64Truncated } from '../float32.js';
import { integerOf, saturatedWord, wordOf } from '../integers.js';
import type { Operator } from '../operator.js';
import { sameDims } from '../shapes.js';

const MAGNITUDE = 0x7fffffffn;

function castFloat(word: bigint, to: Dtype): bigint {
  if (to === 'float32') return word;
  if (to === 'bool') return (word & MAGNITUDE) === 0n ? 0n : 1n;
  return saturatedWord(f32ToI64Truncated(Number(word)), to);
}

function castInteger(value: bigint, to: Dtype): bigint {
  if (to === 'float32') return BigInt(f32FromI64(value));
  if (to === 'bool') return value === 0n ? 0n : 1n;
  return wordOf(value, to);
}

/**
 * From one element type to another, as ONNX Runtime does it: integers lose their upper bits, or are rounded to the nearest
 * float; floats are cut towards zero; to bool everything but zero is true, NaN too. A float outside the integer type's range
 * saturates and NaN is the largest integer; machines differ there, so the compiler keeps such floats away.
 */
export const cast: Operator = {
  name: 'Cast',
  code: 28,
  check(d) {
    expect(d.outputIndex === 0 && d.operands.length === 1 && d.attributes.length === 0, 'one operand, one output and no attributes are expected');
    expect(operand(d, 0).dtype !== d.output.dtype, 'output and operand have the same type');
    expect(sameDims(operand(d, 0).dims, d.output.dims), 'output and operand differ in shape');
  },
  steps: () => 1,
  operands: (_, { element }) => [{ slot: 0, element }],
  apply(d, _at, _state, [word]) {
    const { dtype } = operand(d, 0);
    return dtype === 'float32' ? castFloat(word!, d.output.dtype) : castInteger(integerOf(word!, dtype), d.output.dtype);
  },
};
