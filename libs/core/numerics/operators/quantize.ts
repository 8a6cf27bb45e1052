import { attribute, checkedAttribute, expect, operand } from '../checks.js';
import { checkTypes } from '../broadcasting.js';
import type { Descriptor } from '../descriptor.js';
import { f32Div, f32FromI64, f32Mul } from '../float32.js';
import { integerOf } from '../integers.js';
import type { OperandElement, Operator } from '../operator.js';
import { QUANTIZED, quantized, type Quantized } from '../quantization.js';
import { coordinatesOf, sameDims } from '../shapes.js';

export interface QuantizeAttributes {
  /** Along which scale and zero point lie, where they are no scalars; else 0. */
  readonly axis: number;
}

export function quantizeAttributes({ axis }: QuantizeAttributes): bigint[] {
  return [BigInt(axis)];
}

const [X, SCALE, ZERO_POINT] = [0, 1, 2];

/** Throws RangeError unless scale and zero point are scalars or have one element per place along the axis. */
function checkParameters(d: Descriptor): void {
  const rank = d.output.dims.length;
  expect(d.outputIndex === 0 && d.attributes.length === 1, 'one output and one attribute are expected');
  expect(sameDims(operand(d, X).dims, d.output.dims), 'output and operand differ in shape');
  const axis = checkedAttribute(d, 0, 0, Math.max(0, rank - 1));
  const { dims } = operand(d, SCALE);
  expect(dims.length === 0 || sameDims(dims, [d.output.dims[axis] ?? 1]), 'the scale is neither a scalar nor one per place along the axis');
  checkTypes([operand(d, SCALE)], ['float32']);
  if (d.operands.length > ZERO_POINT) expect(sameDims(operand(d, ZERO_POINT).dims, dims), 'scale and zero point differ in shape');
}

function parameterOperands(d: Descriptor, element: number): OperandElement[] {
  const place = operand(d, SCALE).dims.length === 0 ? 0 : coordinatesOf(element, d.output.dims)[attribute(d, 0)]!;
  return d.operands.map((_, slot) => ({ slot, element: slot === X ? element : place }));
}

/** x / scale, rounded to float32, then to an integer, plus the zero point, saturating: float32 to uint8 or int8. */
export const quantizeLinear: Operator = {
  name: 'QuantizeLinear',
  code: 29,
  check(d) {
    expect(d.operands.length === 3, `${d.operands.length} operands, not 3`);
    checkParameters(d);
    checkTypes([operand(d, X)], ['float32']);
    checkTypes([d.output], QUANTIZED);
    checkTypes([operand(d, ZERO_POINT)], [d.output.dtype]);
  },
  steps: () => 1,
  operands: (d, { element }) => parameterOperands(d, element),
  apply: (d, _at, _state, [x, scale, zeroPoint]) => quantized(f32Div(Number(x), Number(scale)), zeroPoint!, d.output.dtype as Quantized),
};

/** (x − zero point) · scale: uint8 or int8 to float32; int32 without a zero point, rounded to float32 before it is multiplied. */
export const dequantizeLinear: Operator = {
  name: 'DequantizeLinear',
  code: 30,
  check(d) {
    const { dtype } = operand(d, X);
    checkTypes([operand(d, X)], [...QUANTIZED, 'int32']);
    expect(d.operands.length === (dtype === 'int32' ? 2 : 3), `${d.operands.length} operands for ${dtype}`);
    checkParameters(d);
    checkTypes([d.output], ['float32']);
    if (dtype !== 'int32') checkTypes([operand(d, ZERO_POINT)], [dtype]);
  },
  steps: () => 1,
  operands: (d, { element }) => parameterOperands(d, element),
  apply(d, _at, _state, [x, scale, zeroPoint = 0n]) {
    const { dtype } = operand(d, X);
    return BigInt(f32Mul(f32FromI64(integerOf(x!, dtype) - integerOf(zeroPoint, dtype)), Number(scale)));
  },
};
