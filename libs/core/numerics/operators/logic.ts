import type { Dtype } from '#core/hashing';
import { broadcastOperands, checkBroadcast, checkTypes } from '../broadcasting.js';
import { checkForm, expect, operand } from '../checks.js';
import { f32Canonical, f32Eq, f32Le, f32Lt } from '../float32.js';
import { integerOf } from '../integers.js';
import type { Operator } from '../operator.js';
import { sameDims } from '../shapes.js';

/** The words of two elements of one type, to a truth. */
type Predicate = (a: bigint, b: bigint, dtype: Dtype) => boolean;

/** One micro-step that reads one element of each operand, broadcast, and gives a bool. */
function predicate(name: string, code: number, { types, holds }: { types: readonly Dtype[]; holds: Predicate }): Operator {
  return {
    name,
    code,
    check(d) {
      expect(d.outputIndex === 0 && d.operands.length === 2 && d.attributes.length === 0, 'two operands, one output and no attributes are expected');
      checkTypes([d.output], ['bool']);
      checkTypes(d.operands, types);
      expect(operand(d, 0).dtype === operand(d, 1).dtype, `operands of types ${operand(d, 0).dtype} and ${operand(d, 1).dtype}`);
      checkBroadcast(d);
    },
    steps: () => 1,
    operands: broadcastOperands,
    apply: (d, _at, _state, [a, b]) => (holds(a!, b!, operand(d, 0).dtype) ? 1n : 0n),
  };
}

/** A comparison of numbers: false if a float is NaN; both zeros are equal. */
function comparison(float: (a: number, b: number) => boolean, integer: (a: bigint, b: bigint) => boolean): Predicate {
  return (a, b, dtype) => (dtype === 'float32' ? float(Number(a), Number(b)) : integer(integerOf(a, dtype), integerOf(b, dtype)));
}

const NUMBERS = ['float32', 'int32', 'int64'] as const;
const truth = (word: bigint): boolean => word !== 0n;

/** a < b; false where a side is NaN, zeros are equal whatever their sign. */
export const less = predicate('Less', 7, { types: NUMBERS, holds: comparison(f32Lt, (a, b) => a < b) });
/** a ≤ b; false where a side is NaN, zeros are equal whatever their sign. */
export const lessOrEqual = predicate('LessOrEqual', 8, { types: NUMBERS, holds: comparison(f32Le, (a, b) => a <= b) });
/** a = b; false where a side is NaN, zeros are equal whatever their sign. */
export const equal = predicate('Equal', 9, { types: [...NUMBERS, 'bool'], holds: comparison(f32Eq, (a, b) => a === b) });
/** Both hold. */
export const and = predicate('And', 10, { types: ['bool'], holds: (a, b) => truth(a) && truth(b) });
/** One holds at least. */
export const or = predicate('Or', 11, { types: ['bool'], holds: (a, b) => truth(a) || truth(b) });
/** One holds and the other does not. */
export const xor = predicate('Xor', 12, { types: ['bool'], holds: (a, b) => truth(a) !== truth(b) });

/** Holds where the operand does not. */
export const not: Operator = {
  name: 'Not',
  code: 27,
  check(d) {
    checkForm(d, { operands: 1, attributes: 0, dtype: 'bool' });
    expect(sameDims(operand(d, 0).dims, d.output.dims), 'output and operand differ in shape');
  },
  steps: () => 1,
  operands: (_, { element }) => [{ slot: 0, element }],
  apply: (_d, _at, _state, [x]) => (truth(x!) ? 0n : 1n),
};

/**
 * The element of the second operand where the first, a bool, holds, else of the third; every NaN canonical. ONNX Runtime
 * 1.30.0 loses the sign of −0 in some shapes, so the compiler keeps −0 away.
 */
export const where: Operator = {
  name: 'Where',
  code: 54,
  check(d) {
    expect(d.outputIndex === 0 && d.operands.length === 3 && d.attributes.length === 0, 'three operands, one output and no attributes are expected');
    checkTypes([operand(d, 0)], ['bool']);
    checkTypes([d.output, operand(d, 1), operand(d, 2)], ['float32', 'int32', 'int64', 'uint8']);
    expect(operand(d, 1).dtype === d.output.dtype && operand(d, 2).dtype === d.output.dtype, 'both branches have the type of the output');
    checkBroadcast(d);
  },
  steps: () => 1,
  operands: broadcastOperands,
  apply(d, _at, _state, [condition, x, y]) {
    const chosen = truth(condition!) ? x! : y!;
    return d.output.dtype === 'float32' ? BigInt(f32Canonical(Number(chosen))) : chosen;
  },
};
