import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Profile } from '#core/onnx';
import type { RuntimeTensor } from './tensors.js';

export type Feeds = Readonly<Record<string, RuntimeTensor>>;
export type Fetched = Readonly<Record<string, ArrayBufferView>>;

/** One loaded ONNX file. */
export interface Runner {
  /**
   * Gives the tensors named, raw. One call at a time per runner is run, others wait. Where a model has a process of its own, `stop` ends it in
   * the middle of the run; elsewhere nothing can.
   */
  run(feeds: Feeds, names: readonly string[], stop?: AbortSignal): Promise<Fetched>;
  close(): Promise<void>;
}

/** Session options that the profile fixes; everything that bits depend on. */
export function sessionOptions(profile: Profile): InferenceSession.SessionOptions {
  const { executionMode, graphOptimizationLevel, interOpNumThreads, intraOpNumThreads, extra } = profile.session;
  return { executionProviders: ['cpu'], executionMode, graphOptimizationLevel, interOpNumThreads, intraOpNumThreads, extra, logSeverityLevel: 3 };
}

/** Runs on the calling thread: onnxruntime-node computes synchronously, so only for models that take a few milliseconds. */
export async function runHere(onnx: Uint8Array, options: InferenceSession.SessionOptions): Promise<Runner> {
  const session = await InferenceSession.create(onnx, options);
  return {
    async run(feeds, names) {
      // WHY loops: a small model computes for 20 microseconds, and lists of pairs cost a tenth of that.
      const tensors: Record<string, OrtTensor> = {};
      for (const name in feeds) tensors[name] = new OrtTensor(feeds[name]!.dtype, feeds[name]!.data, feeds[name]!.dims);
      const results = await session.run(tensors, names);
      const fetched: Record<string, ArrayBufferView> = {};
      for (const name of names) fetched[name] = results[name]!.data as ArrayBufferView;
      return fetched;
    },
    close: () => session.release(),
  };
}
