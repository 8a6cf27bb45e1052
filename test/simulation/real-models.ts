import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementCount, listRoot, tensorRoot, type Tensor } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { compileModel, loadCanonical } from '#core/onnx';

import { tensorOf, Trace } from '#core/trace';
import { openSession, type InferenceSession } from '#io/inference';
import { PROJECT_ROOT, type Random } from '#testing';

/** Models of this repository, and sizes for what they leave open. */
const MODELS = { mnist: {}, squeezenet: {}, fraud: { unk__6: 3 }, 'go1-policy': {}, stories260K: { T: 12 } } as const satisfies Record<string, Record<string, number>>;
export type ModelName = keyof typeof MODELS;
export const MODEL_NAMES = Object.keys(MODELS) as ModelName[];

/** A model of this repository, ready to run. */
export async function openModel(name: ModelName): Promise<InferenceSession> {
  const file = readFileSync(join(PROJECT_ROOT, 'models', name, 'model.onnx'));
  return openSession(loadCanonical(compileModel(file, { dims: MODELS[name] }).onnx));
}

/** Inputs like pictures: every element a whole number from 0 to 255; integers are token numbers, some of them outside. */
export function randomPicture({ model }: InferenceSession, random: Random): Tensor[] {
  return model.manifest.signature.inputs.map(({ dtype, dims }) => {
    if (dtype === 'int64') return { dtype, dims, data: new Uint8Array(BigInt64Array.from({ length: elementCount(dims) }, () => BigInt(random.between(-20, 540))).buffer) };
    const pixels = Float32Array.from({ length: elementCount(dims) }, () => random.between(0, 256));
    return tensorOf({ dtype: 'float32', dims }, [...new Uint32Array(pixels.buffer)].map(BigInt));
  });
}

export async function honestTrace(session: InferenceSession, inputs: readonly Tensor[]): Promise<Trace> {
  const { manifest, initializers } = session.model;
  const values = await session.trace(inputs);
  const outputs = manifest.descriptors.at(-1)!.operands.map(({ index }) => values[index]!);
  return new Trace({ model: manifest, inputs, initializers, values, outputRoot: listRoot(outputs.map(tensorRoot)), operatorOf: (code) => operatorByCode(code) });
}
