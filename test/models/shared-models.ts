import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes, readInt, readInts, readMessage } from '../../libs/core/onnx/proto/message.js';
import { TENSOR } from '../../libs/core/onnx/proto/fields.js';
import type { Tensor } from '#core/hashing';
import { PROJECT_ROOT } from '#testing';

/** Folder of the models that are too big for this repository; tests that need one are skipped only where there is none. */
export const MODELS_FOLDER = process.env['ASSAY_MODELS_DIR'] ?? join(PROJECT_ROOT, '..', 'shared', 'models');

export const hasSharedModels = existsSync(MODELS_FOLDER);

export function sharedFile(...path: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(join(MODELS_FOLDER, ...path)));
}

/** A float32 tensor from a file with one TensorProto, as test data comes with models. */
export function readFloatTensor(...path: readonly string[]): Tensor {
  const dims: bigint[] = [];
  let [dataType, data] = [0n, new Uint8Array()];
  readMessage(sharedFile(...path), {
    [TENSOR.dims]: (r, w) => readInts(r, w, { into: dims, limit: 8 }),
    [TENSOR.dataType]: (r, w) => (dataType = readInt(r, w)),
    [TENSOR.rawData]: (r, w) => (data = new Uint8Array(readBytes(r, w))),
  });
  if (dataType !== 1n || data.length === 0) throw new Error(`${path.join('/')} holds no float32 tensor`);
  return { dtype: 'float32', dims: dims.map(Number), data };
}
