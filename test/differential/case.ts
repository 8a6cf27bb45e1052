import { operatorByName, type Descriptor, type OperandKind } from '#core/numerics';
import type { Tensor, TensorHeader } from '#core/hashing';
import type { Random } from '#testing';
import type { NodeAttributes, SingleNode } from './single-node.js';

/** One operator at work on given tensors: as a descriptor, and as the ONNX node that stands for it. */
export interface Case {
  readonly descriptor: Descriptor;
  /** The descriptor's operands. */
  readonly tensors: readonly Tensor[];
  readonly node: SingleNode;
}

/** Makes up one case of an operator; all its choices come from `random`. */
export type CaseGenerator = (random: Random) => Case;

export interface CaseParts {
  readonly operator: string;
  readonly attributes?: readonly bigint[];
  readonly operands: readonly { readonly tensor: Tensor; readonly constant?: boolean }[];
  readonly output: TensorHeader;
  /** The ONNX operator if its name is another one, its attributes, and constant inputs after the operands: lists of int64, or tensors. */
  readonly onnx?: { readonly opType?: string; readonly domain?: string; readonly attributes?: NodeAttributes; readonly shapeInputs?: readonly (readonly number[] | Tensor)[] };
}

export function makeCase(random: Random, parts: CaseParts): Case {
  const operands = parts.operands.map(({ tensor, constant = false }) => ({ tensor, constant }));
  const descriptor: Descriptor = {
    op: operatorByName(parts.operator).code,
    outputIndex: 0,
    output: parts.output,
    // Indices leave room for other tensors around: see witness.ts.
    operands: operands.map(({ tensor, constant }, slot) => {
      const kind: OperandKind = constant ? 'initializer' : random.pick(['input', 'value']);
      return { kind, index: 2 * slot + random.between(0, 2), dtype: tensor.dtype, dims: tensor.dims };
    }),
    attributes: parts.attributes ?? [],
  };
  operatorByName(parts.operator).check(descriptor);
  const shapeInputs = (parts.onnx?.shapeInputs ?? []).map((input) => ({ tensor: 'dtype' in input ? input : int64List(input), constant: true }));
  const domain = parts.onnx?.domain;
  const node = { opType: parts.onnx?.opType ?? parts.operator, ...(domain && { domain }), attributes: parts.onnx?.attributes ?? {}, operands: [...operands, ...shapeInputs], output: parts.output };
  return { descriptor, tensors: operands.map(({ tensor }) => tensor), node };
}

function int64List(values: readonly number[]): Tensor {
  return { dtype: 'int64', dims: [values.length], data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

export const float32 = (dims: readonly number[]): TensorHeader => ({ dtype: 'float32', dims });
