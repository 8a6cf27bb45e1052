import { lowerConstant, lowerShape } from './constant.js';
import { lowerConv } from './conv.js';
import { lowerArithmetic, lowerExp, lowerMax, lowerRelu, lowerThresholdedRelu } from './elementwise.js';
import { lowerConcat, lowerDropout, lowerFlatten, lowerIdentity, lowerReshape, lowerSlice, lowerSqueeze, lowerTranspose, lowerUnsqueeze } from './movement.js';
import type { Lowering } from './node.js';
import { lowerBatchNormalization } from './normalization.js';
import { lowerAveragePool, lowerGlobalAveragePool, lowerMaxPool } from './pooling.js';
import { lowerGemm, lowerMatMul } from './product.js';
import { lowerReduceMax } from './reduction.js';
import { lowerSoftmax } from './softmax.js';

/** ONNX operators (default domain) that have a canonical form. */
export const LOWERINGS: ReadonlyMap<string, Lowering> = new Map<string, Lowering>([
  ['Add', lowerArithmetic('Add')],
  ['AveragePool', lowerAveragePool],
  ['BatchNormalization', lowerBatchNormalization],
  ['Concat', lowerConcat],
  ['Constant', lowerConstant],
  ['Conv', lowerConv],
  ['Div', lowerArithmetic('Div')],
  ['Dropout', lowerDropout],
  ['Exp', lowerExp],
  ['Flatten', lowerFlatten],
  ['Gemm', lowerGemm],
  ['GlobalAveragePool', lowerGlobalAveragePool],
  ['Identity', lowerIdentity],
  ['MatMul', lowerMatMul],
  ['Max', lowerMax],
  ['MaxPool', lowerMaxPool],
  ['Mul', lowerArithmetic('Mul')],
  ['ReduceMax', lowerReduceMax],
  ['Relu', lowerRelu],
  ['Reshape', lowerReshape],
  ['Shape', lowerShape],
  ['Slice', lowerSlice],
  ['Softmax', lowerSoftmax],
  ['Squeeze', lowerSqueeze],
  ['Sub', lowerArithmetic('Sub')],
  ['ThresholdedRelu', lowerThresholdedRelu],
  ['Transpose', lowerTranspose],
  ['Unsqueeze', lowerUnsqueeze],
]);
