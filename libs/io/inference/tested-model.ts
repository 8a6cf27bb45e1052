import { DTYPES, elementCount, type Root, type TensorHeader } from '#core/hashing';
import { loadCanonical, type CanonicalModel } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { describeMismatch, selfTest, type SelfTestOptions } from './self-test.js';
import { openSession, type InferenceSession, type SessionOptions } from './session.js';

/** A model that this machine has shown to compute as the reference does. */
export interface TestedModel {
  readonly modelId: Root;
  readonly session: InferenceSession;
  close(): Promise<void>;
}

/**
 * Loads a canonical file and lets nobody use it before the self-test on every one of its nodes has passed.
 * @throws AssayError SELF_TEST_FAILED with the mismatches, MODEL_*, PROFILE_UNKNOWN.
 */
export async function openTested(file: Uint8Array, options: SelfTestOptions & SessionOptions): Promise<TestedModel> {
  const model = loadCanonical(file);
  const { modelId } = model.manifest;
  if (options.apart) requireRoom(model, options.apart.memoryBytes);
  const session = await openSession(model, options);
  const { ok, mismatches } = await selfTest([session], options);
  if (ok) return { modelId, session, close: () => session.close() };
  await session.close();
  const [first] = mismatches;
  throw new AssayError({ code: 'SELF_TEST_FAILED', message: `This machine computes model ${modelId} differently: ${describeMismatch(first!)}.`, facts: { modelId, mismatches } });
}

/** WHY before anything runs: a trace holds every value at once, here too, where no kernel limit stands between the model and us. */
function requireRoom({ manifest, initializers }: CanonicalModel, memoryBytes: number): void {
  const bytes = [...manifest.descriptors.map(({ output }) => output), ...initializers].reduce((sum, header) => sum + bytesOf(header), 0);
  if (bytes > memoryBytes) throw new AssayError({ code: 'MODEL_TOO_LARGE', message: 'a run of the model takes more memory than a model may have here', facts: { modelId: manifest.modelId, bytes, limit: memoryBytes }, remedy: 'Raise ASSAY_MODEL_MEMORY_MB if this machine has the memory.' });
}

function bytesOf({ dtype, dims }: TensorHeader): number {
  return elementCount(dims) * DTYPES[dtype].size;
}
