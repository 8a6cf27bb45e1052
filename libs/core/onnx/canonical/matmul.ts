import { matMulAttributes } from '#core/numerics';
import { isPositiveConstant, type GraphBuilder, type Value } from '../graph.js';
import { PACKED_BLOCK } from './blocks.js';

/** a × b for a constant matrix b (K×N) and a of shape …×M×K. */
export function matMul(graph: GraphBuilder, a: Value, b: Value): Value {
  if (b.kind !== 'constant' || b.dims.length !== 2) throw new RangeError('only a constant matrix is supported on the right side');
  if (a.dims.length < 2) throw new RangeError(`the left side has shape [${a.dims}], at least two dimensions are supported`);
  if (a.dims.at(-1) !== b.dims[0]) throw new RangeError(`shapes [${a.dims}] and [${b.dims}] do not match`);
  const onnx = { opType: 'MatMul', attributes: [], shapeInputs: [] };
  const output = { dtype: a.dtype, dims: [...a.dims.slice(0, -1), b.dims[1]!] };
  const nonNegative = a.facts.nonNegative && b.facts.nonNegative;
  const facts = { nonNegative, neverNegativeZero: nonNegative, neverNaN: a.facts.nonNegative && a.facts.neverNaN && isPositiveConstant(b), neverMinusInfinity: nonNegative };
  return graph.add({ operator: 'MatMul', operands: [a, b], attributes: matMulAttributes({ block: PACKED_BLOCK }), output, onnx }, facts);
}
