import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { DTYPES, type Dtype, type Tensor } from '#core/hashing';
import { writeModel, type NamedHeader, type WrittenAttribute } from '../../libs/core/onnx/proto/write.js';

export type Attributes = Readonly<Record<string, WrittenAttribute['value']>>;

/** A source model in short form: what tests feed to the compiler. */
export interface SourceModel {
  readonly opset?: number;
  readonly nodes: readonly SourceNode[];
  /** Shape of each input, float32 unless `dtypes` says otherwise. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  /** Types of inputs and outputs that are not float32. */
  readonly dtypes?: Readonly<Record<string, Dtype>>;
}

export interface SourceNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly furtherOutputs?: readonly string[];
  readonly domain?: string;
  readonly attributes?: Attributes;
}

export function sourceModel({ opset = 17, nodes, inputs, constants = {}, outputs, dtypes = {} }: SourceModel): Uint8Array {
  const header = ([name, dims]: [string, readonly number[]]): NamedHeader => ({ name, dtype: dtypes[name] ?? 'float32', dims });
  return writeModel({
    irVersion: 8,
    opset,
    otherDomains: [...new Set(nodes.flatMap(({ domain }) => domain ?? []))],
    producer: 'test',
    metadata: [],
    graphName: 'test',
    nodes: nodes.map((node, i) => ({
      name: `n${i}`,
      opType: node.op,
      inputs: node.inputs,
      output: node.output,
      ...(node.furtherOutputs && { furtherOutputs: node.furtherOutputs }),
      ...(node.domain && { domain: node.domain }),
      attributes: Object.entries(node.attributes ?? {}).map(([name, value]) => ({ name, value })),
    })),
    initializers: Object.entries(constants).map(([name, tensor]) => ({ ...tensor, name })),
    inputs: Object.entries(inputs).map(header),
    outputs: Object.entries(outputs).map(header),
  });
}

/** A float32 tensor of numbers that follow from the seed, between −2 and 2 in 2,048 steps, with some exact repetitions. */
export function noise(dims: readonly number[], seed: number): Tensor {
  const values = new Float32Array(dims.reduce((a, b) => a * b, 1));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < values.length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5;
    values[i] = ((state >>> 8) % 4096) / 1024 - 2 + ((state >>> 20) % 97) * 1e-5;
  }
  return { dtype: 'float32', dims: [...dims], data: new Uint8Array(values.buffer) };
}

/** Elements of any type that follow from the seed; integers are small. */
export function noiseOf({ dtype, dims }: { dtype: Dtype; dims: readonly number[] }, seed: number): Tensor {
  const values = noise(dims, seed);
  if (dtype === 'float32') return values;
  const { size } = DTYPES[dtype];
  const data = new Uint8Array((values.data.length / 4) * size);
  const view = new DataView(data.buffer);
  floats(values).forEach((value, i) => {
    const integer = dtype === 'bool' ? Number(value > 0) : Math.round(value * 3);
    if (size === 1) view.setInt8(i, dtype === 'uint8' ? Math.abs(integer) : integer);
    else if (size === 4) view.setInt32(4 * i, integer, true);
    else view.setBigInt64(8 * i, BigInt(integer), true);
  });
  return { dtype, dims: [...dims], data };
}

export function int64s(values: readonly number[]): Tensor {
  return { dtype: 'int64', dims: [values.length], data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

export function floats(tensor: Tensor): Float32Array {
  return new Float32Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length / 4);
}

/** A protobuf message by field number, for what the compiler's own writer cannot say. */
export function message(...fields: [field: number, value: Uint8Array | string | number][]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [field, value] of fields) {
    if (typeof value === 'number') writer.uint32(field << 3).int64(value);
    else if (typeof value === 'string') writer.uint32((field << 3) | 2).string(value);
    else writer.uint32((field << 3) | 2).bytes(value);
  }
  return writer.finish();
}
