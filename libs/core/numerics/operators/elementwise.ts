import type { Dtype } from '#core/hashing';
import { broadcastOperands, checkBroadcast, checkTypes } from '../broadcasting.js';
import { checkForm, expect } from '../checks.js';
import { F32_ZERO, f32Abs, f32Add, f32Ceil, f32Div, f32Floor, f32IsNaN, f32Le, f32Lt, f32Max, f32Min, f32Mul, f32Neg, f32RoundEven, f32Sqrt, f32Sub } from '../float32.js';
import { integerModulo, integerOf, integerQuotient, wordOf } from '../integers.js';
import type { Operator } from '../operator.js';
import { sameDims } from '../shapes.js';
import { errorFunction } from './error-function.js';
import { exponential } from './exponential.js';
import { hyperbolicTangent, logistic } from './rational.js';

/** One micro-step that reads one element of the same index. */
function unary(name: string, code: number, compute: (x: number) => number): Operator {
  return {
    name,
    code,
    check(d) {
      checkForm(d, { operands: 1, attributes: 0, dtype: 'float32' });
      expect(sameDims(d.operands[0]!.dims, d.output.dims), 'output and operand differ in shape');
    },
    steps: () => 1,
    operands: (_, { element }) => [{ slot: 0, element }],
    apply: (_d, _at, _state, [x]) => BigInt(compute(Number(x))),
  };
}

/** What an operator of two operands computes: on float32, and on the signed integers that words of 32 and 64 bits hold. */
interface Binary {
  readonly float?: (a: number, b: number) => number;
  readonly integer?: (a: bigint, b: bigint) => bigint;
}

/** One micro-step that reads one element of each operand, numpy-style broadcasting between them. */
function binary(name: string, code: number, { float, integer }: Binary): Operator {
  const types: readonly Dtype[] = [...(float ? ['float32' as const] : []), ...(integer ? ['int32' as const, 'int64' as const] : [])];
  return {
    name,
    code,
    check(d) {
      checkForm(d, { operands: 2, attributes: 0 });
      checkTypes([d.output], types);
      checkBroadcast(d);
    },
    steps: () => 1,
    operands: broadcastOperands,
    apply({ output: { dtype } }, _at, _state, [a, b]) {
      if (dtype === 'float32') return BigInt(float!(Number(a), Number(b)));
      return wordOf(integer!(integerOf(a!, dtype), integerOf(b!, dtype)), dtype);
    },
  };
}

/** a + b, rounded once; integers wrap around. */
export const add = binary('Add', 1, { float: f32Add, integer: (a, b) => a + b });
/** a − b, rounded once; integers wrap around. */
export const sub = binary('Sub', 2, { float: f32Sub, integer: (a, b) => a - b });
/** a · b, rounded once; integers wrap around. */
export const mul = binary('Mul', 3, { float: f32Mul, integer: (a, b) => a * b });
/** a / b, rounded once; of integers the quotient towards zero. The compiler takes constant divisors other than 0 and −1 only: at those, machines stop or differ. */
export const div = binary('Div', 4, { float: f32Div, integer: integerQuotient });
/**
 * The larger of two; +0 is above −0, any NaN gives NaN.
 * ONNX Runtime (1.30.0, AVX-512) agrees on NaN; on a pair of unequal zeros it answers by lane, so the compiler must keep
 * −0 away from one side at least where the other can be +0.
 */
export const max = binary('Max', 5, { float: f32Max, integer: (a, b) => (a < b ? b : a) });
/** The smaller of two; −0 is below +0, any NaN gives NaN. */
export const min = binary('Min', 6, { float: f32Min, integer: (a, b) => (b < a ? b : a) });
/** x where x ≥ 0, else slope · x; NaN stays NaN. LeakyRelu is this with one slope for all. */
export const pRelu = binary('PRelu', 13, { float: (x, slope) => (f32Le(F32_ZERO, x) ? x : f32Mul(x, slope)) });
/** Remainder with the sign of the divisor. The compiler takes constant divisors other than 0 and −1 only. */
export const mod = binary('Mod', 14, { integer: integerModulo });

/** x with the other sign, zeros too. */
export const neg = unary('Neg', 16, f32Neg);
/** x without its sign. */
export const abs = unary('Abs', 17, f32Abs);
/** The square root, rounded once; of negative numbers NaN, of −0 −0. */
export const sqrt = unary('Sqrt', 18, f32Sqrt);
/** e to the power x, as MLAS computes it: clamp, range reduction by two fma, a polynomial of six fma, scaling by two powers of two. */
export const exp = unary('Exp', 19, exponential);
/**
 * x where x > 0, else +0: also for NaN and −0. ONNX's ThresholdedRelu with alpha 0 is exactly this on every CPU.
 * ONNX's own Relu is not: measured with ONNX Runtime 1.30.0 it keeps NaN, and −0 on x86 but not on ARM.
 */
export const relu = unary('Relu', 20, (x) => (f32Lt(F32_ZERO, x) ? x : F32_ZERO));
/** As Relu, but NaN stays NaN. ONNX's Relu of a value that is never −0, and the Relu built into ONNX Runtime's FusedConv, FusedGemm and NCHWc Conv. */
export const rectify = unary('Rectify', 31, (x) => (f32IsNaN(x) || f32Lt(F32_ZERO, x) ? x : F32_ZERO));
/** MLAS's rational function (tanh.cpp): x cut to ±9, two chains of fma in x², a product, a quotient. */
export const tanh = unary('Tanh', 21, hyperbolicTangent);
/** MLAS's rational function (logistic.cpp): x cut to ±18, two chains of fma in x², a product, a quotient, plus ½, cut to 0 and 1. */
export const sigmoid = unary('Sigmoid', 22, logistic);
/** MLAS (erf.cpp): a polynomial up to 0.921875, above it 1 − e^−p with an exponential of its own, ±1 from 3.925. */
export const erf = unary('Erf', 23, errorFunction);
/** The largest integral value not above x; zeros keep their sign. */
export const floor = unary('Floor', 24, f32Floor);
/** The smallest integral value not below x; zeros keep their sign. */
export const ceil = unary('Ceil', 25, f32Ceil);
/** To the nearest integral value, ties to even; zeros keep their sign. */
export const round = unary('Round', 26, f32RoundEven);
