export * from './descriptor.js';
export * from './evaluation.js';
export * from './float32.js';
export * from './operator.js';
export { batchMatMulAttributes, type BatchMatMulAttributes } from './operators/batch-matmul.js';
export { convAttributes, type ConvAttributes } from './operators/conv.js';
export { argMaxAttributes, reduceMaxAttributes, type ArgMaxAttributes, type ReduceMaxAttributes } from './operators/extremes.js';
export { convTransposeAttributes, type ConvTransposeAttributes } from './operators/conv-transpose.js';
export { cumSumAttributes, type CumSumAttributes } from './operators/cumulative.js';
export { padAttributes, type PadAttributes, type PadMode } from './operators/extension.js';
export { gatherAttributes, type GatherAttributes } from './operators/indexing.js';
export { gemmAttributes, type GemmAttributes } from './operators/gemm.js';
export { integerConvAttributes, type IntegerConvAttributes } from './operators/integer-products.js';
export { matMulAttributes, type MatMulAttributes } from './operators/matmul.js';
export {
  concatAttributes,
  sliceAttributes,
  transposeAttributes,
  type ConcatAttributes,
  type SliceAttributes,
  type TransposeAttributes,
} from './operators/movement.js';
export {
  averagePoolAttributes,
  maxPoolAttributes,
  type AveragePoolAttributes,
  type MaxPoolAttributes,
} from './operators/pooling.js';
export { quantizeAttributes, type QuantizeAttributes } from './operators/quantize.js';
export * from './registry.js';
export { windowOutput, type Window } from './window.js';
