import ort from 'onnxruntime-node';
import { canonicalizeNaNs, DTYPES, type Dtype, type Tensor } from '#core/hashing';
import { DEFAULT_PROFILE } from '#core/onnx';
import { sessionOptions } from '../../libs/io/inference/runner.js';
import { encodeSingleNode, operandName, OUTPUT_NAME, type SingleNode } from './single-node.js';

/** A file that is one node, and what to feed it with. */
export interface NodeRun {
  readonly onnx: Uint8Array;
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly dtype: Dtype;
}

/** Runs one node in ONNX Runtime, as the numeric profile prescribes; NaNs come back canonical. */
export const runSingleNode = (node: SingleNode): Promise<Tensor> => runNode(nodeRun(node));

export function nodeRun(node: SingleNode): NodeRun {
  const fed = node.operands.flatMap(({ tensor, constant }, slot) => (constant ? [] : [[operandName(slot), tensor] as const]));
  return { onnx: encodeSingleNode(node), feeds: Object.fromEntries(fed), dtype: node.output.dtype };
}

export async function runNode({ onnx, feeds, dtype }: NodeRun): Promise<Tensor> {
  const session = await ort.InferenceSession.create(onnx, sessionOptions(DEFAULT_PROFILE));
  const { [OUTPUT_NAME]: output } = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toRuntime(tensor)])));
  const result = fromRuntime(output!, dtype);
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
