import type { ModelTally } from '../inference/statistics.js';
import { PLATFORM } from '../inference/server-info.js';
import { datatypeOf } from '../tensors/datatypes.js';
import type { ModelDirectory, NamedModel } from './directory.js';

/** What the protocol and Triton tell about a model; both doors encode from these. */

export function metadataOf({ name, versions, model }: NamedModel) {
  const tensor = (spec: (typeof model.inputs)[number]) => ({ name: spec.name, datatype: datatypeOf(spec.dtype), shape: spec.dims });
  return { name, versions, platform: PLATFORM, inputs: model.inputs.map(tensor), outputs: model.outputs.map(tensor) };
}

/** Triton's form, with the names of its proto. */
export function configOf({ name, model }: NamedModel) {
  const tensor = (spec: (typeof model.inputs)[number]) => ({ name: spec.name, data_type: `TYPE_${datatypeOf(spec.dtype)}`, dims: spec.dims });
  return { name, platform: 'onnxruntime_onnx', backend: 'onnxruntime', max_batch_size: 0, input: model.inputs.map(tensor), output: model.outputs.map(tensor) };
}

export function statisticsOf({ name, version }: NamedModel, { success, fail, lastInference }: ModelTally) {
  const duration = ({ count, ns }: { count: number; ns: bigint }) => ({ count, ns: Number(ns) });
  const none = { count: 0, ns: 0 };
  return {
    name,
    version,
    last_inference: lastInference,
    inference_count: success.count,
    execution_count: success.count,
    // What an executor spends on queue, input and output is not told apart here.
    inference_stats: { success: duration(success), fail: duration(fail), queue: none, compute_input: none, compute_infer: duration(success), compute_output: none },
  };
}

export async function indexOf(directory: ModelDirectory, readyOnly: boolean) {
  const models = await directory.all();
  const entries = await Promise.all(
    models.map(async (model) => {
      const ready = await directory.isReady(model);
      return { name: model.name, version: model.version, state: ready ? 'READY' : 'UNAVAILABLE', reason: ready ? '' : 'no executor is present' };
    }),
  );
  return readyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
}
