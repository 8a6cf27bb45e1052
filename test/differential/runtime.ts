import ort from 'onnxruntime-node';
import { canonicalizeNaNs, DTYPES, type Dtype, type Tensor } from '#core/hashing';
import { encodeSingleNode, operandName, OUTPUT_NAME, type SingleNode } from './single-node.js';

const SESSION_OPTIONS = { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 } as const;

/** Runs one node in ONNX Runtime, as the numeric profile prescribes; NaNs come back canonical. */
export async function runSingleNode(node: SingleNode): Promise<Tensor> {
  const session = await ort.InferenceSession.create(encodeSingleNode(node), SESSION_OPTIONS);
  const feeds: Record<string, ort.Tensor> = {};
  node.operands.forEach(({ tensor, constant }, slot) => {
    if (!constant) feeds[operandName(slot)] = toRuntime(tensor);
  });
  const { [OUTPUT_NAME]: output } = await session.run(feeds);
  const result = fromRuntime(output!, node.output.dtype);
  await session.release();
  return result;
}

const ARRAYS = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const satisfies Record<Dtype, unknown>;

function toRuntime(tensor: Tensor): ort.Tensor {
  // WHY: a fresh buffer; results may depend on the alignment of the input.
  const bytes = Uint8Array.from(tensor.data);
  return new ort.Tensor(tensor.dtype, new ARRAYS[tensor.dtype](bytes.buffer, 0, bytes.length / DTYPES[tensor.dtype].size) as never, [...tensor.dims]);
}

function fromRuntime(output: ort.Tensor, dtype: Dtype): Tensor {
  const array = output.data as Float32Array;
  const data = Uint8Array.from(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return canonicalizeNaNs({ dtype, dims: [...output.dims], data });
}
