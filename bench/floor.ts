/**
 * What a canonical model costs at least: its sums of products alone, each by the kernel that the execution form names and on
 * numbers that are there already, and one call of the runtime around them. Whatever else a lowering saves, this stays.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { z } from 'zod';
import { elementCount, type Dtype, type Tensor } from '#core/hashing';
import { DEFAULT_LIMITS, executionModel, PROFILES, type CanonicalModel } from '#core/onnx';
import { sampleInputs } from '#io/inference';
import { shell } from '../libs/core/onnx/emission.js';
import type { OnnxAttribute, OnnxNode } from '../libs/core/onnx/proto/model.js';
import { readModel } from '../libs/core/onnx/proto/read.js';
import { decodeTensor } from '../libs/core/onnx/proto/tensor.js';
import { writeModel, type WrittenAttribute, type WrittenNode } from '../libs/core/onnx/proto/write.js';
import { blockWidth } from '../libs/io/inference/kernels.js';
import { runHere, sessionOptions, type Feeds } from '../libs/io/inference/runner.js';
import { toRuntime } from '../libs/io/inference/tensors.js';

const PRODUCTS = new Set(['Conv', 'FusedConv', 'ConvTranspose', 'MatMul', 'FusedMatMul', 'Gemm', 'FusedGemm', 'ConvInteger', 'MatMulInteger', 'QLinearConv', 'QLinearMatMul']);
/** Element types as the runtime's profile names them. */
const TYPES: Readonly<Record<string, Dtype>> = { float: 'float32', uint8: 'uint8', int8: 'int8', int32: 'int32', int64: 'int64' };

export interface Floor {
  compute(): Promise<unknown>;
  close(): Promise<void>;
}

/** The model's products, ready to run. */
export async function openFloor(model: CanonicalModel): Promise<Floor> {
  const form = executionModel(model, await blockWidth());
  const options = sessionOptions(PROFILES.get(model.manifest.profile)!);
  const runner = await runHere(productsOf(form, await inputShapes(model, { form, options })), options);
  const feeds: Feeds = { x: toRuntime({ dtype: 'float32', dims: [1], data: new Uint8Array(4) }) };
  return { compute: () => runner.run(feeds, ['y']), close: () => runner.close() };
}

const event = z.object({ cat: z.string(), name: z.string(), args: z.looseObject({ input_type_shape: z.array(z.record(z.string(), z.array(z.number()))).optional() }).optional() });

type Shapes = ReadonlyMap<string, readonly (readonly [dtype: Dtype, dims: readonly number[]])[]>;

/** Types and shapes of each node's inputs, by the node's name, as the runtime's own profile of one run tells them. */
async function inputShapes({ manifest }: CanonicalModel, { form, options }: { form: Uint8Array; options: InferenceSession.SessionOptions }): Promise<Shapes> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-floor-'));
  try {
    const session = await InferenceSession.create(form, { ...options, enableProfiling: true, profileFilePrefix: join(folder, 'run') });
    const feeds = Object.fromEntries(sampleInputs(manifest.signature.inputs, 1).map((tensor, i) => [manifest.signature.inputs[i]!.name, toRuntime(tensor)]));
    await session.run(Object.fromEntries(Object.entries(feeds).map(([name, { dtype, data, dims }]) => [name, new RuntimeTensor(dtype, data, dims)])));
    session.endProfiling();
    await session.release();
    const events = z.array(event).parse(JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), 'utf8')));
    return new Map(events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time')).map(({ name, args }) => [name.slice(0, -'_kernel_time'.length), (args?.input_type_shape ?? []).map(typedShape)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function typedShape(input: Readonly<Record<string, readonly number[]>>): readonly [Dtype, readonly number[]] {
  const [[type, dims]] = Object.entries(input) as [[string, readonly number[]]];
  return [TYPES[type]!, dims];
}

/** A file of the form's products only, with initializers instead of what other nodes made, and an output beside them. */
function productsOf(form: Uint8Array, shapes: Shapes): Uint8Array {
  const { nodes, initializers } = readModel(form, DEFAULT_LIMITS).graph;
  const constants = new Map<string, Tensor>();
  const products = nodes.filter(({ opType }) => PRODUCTS.has(opType)).map((node): WrittenNode => {
    const known = shapes.get(node.name)!;
    node.inputs.filter((input) => input !== '').forEach((name, i) => {
      const initializer = initializers.get(name);
      // A packed constant is missing from the profile; nothing that is computed comes after it.
      if (!constants.has(name)) constants.set(name, initializer ? decodeTensor(initializer, { limits: DEFAULT_LIMITS }) : ones(...known[i]!));
    });
    return written(node);
  });
  return writeModel({
    ...shell(PROFILES.keys().next().value!),
    otherDomains: [...new Set(products.flatMap(({ domain }) => domain ?? []))].sort(),
    nodes: [...products, { name: 'call', opType: 'Identity', inputs: ['x'], output: 'y', attributes: [] }],
    initializers: [...constants].map(([name, tensor]) => ({ ...tensor, name })),
    inputs: [{ name: 'x', dtype: 'float32', dims: [1] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: [1] }],
  });
}

function ones(dtype: Dtype, dims: readonly number[]): Tensor {
  const count = elementCount(dims);
  return { dtype, dims, data: dtype === 'float32' ? new Uint8Array(new Float32Array(count).fill(1).buffer) : new Uint8Array(count).fill(1) };
}

/** WHY other outputs: what a product made is another one's initializer now. */
function written({ name, opType, domain, inputs, outputs, attributes }: OnnxNode): WrittenNode {
  return { name, opType, ...(domain !== '' && { domain }), inputs, output: `unread ${outputs[0]!}`, attributes: [...attributes].map(([key, attribute]) => ({ name: key, value: valueOf(attribute) })) };
}

function valueOf({ float, int, ints, text }: OnnxAttribute): WrittenAttribute['value'] {
  if (int !== undefined) return Number(int);
  if (float !== undefined) return { float };
  return ints?.map(Number) ?? text ?? '';
}
