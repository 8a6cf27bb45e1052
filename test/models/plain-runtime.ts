import ort from 'onnxruntime-node';
import type { Tensor } from '#core/hashing';
import { floats } from './building.js';

/** A file in ONNX Runtime with its default options: what a user without Assay would get. */
export interface PlainRuntime {
  run(inputs: readonly Tensor[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

export async function plainRuntime(onnx: Uint8Array): Promise<PlainRuntime> {
  const session = await ort.InferenceSession.create(onnx, { logSeverityLevel: 3 });
  return {
    async run(inputs) {
      const feeds = Object.fromEntries(inputs.map((tensor, i) => [session.inputNames[i]!, new ort.Tensor('float32', floats(tensor).slice(), [...tensor.dims])]));
      const results = await session.run(feeds);
      return session.outputNames.map((name) => results[name]!.data as Float32Array);
    },
    close: () => session.release(),
  };
}

export function argmax(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

export function maxDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
}
