import type { Root } from '#core/hashing';
import { loadCanonical } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { selfTest, type SelfTestOptions } from './self-test.js';
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
  const session = await openSession(model, options);
  const { ok, mismatches } = await selfTest([session], options);
  if (ok) return { modelId, session, close: () => session.close() };
  await session.close();
  const [first] = mismatches;
  throw new AssayError({ code: 'SELF_TEST_FAILED', message: `This machine computes ${first!.operator} (${first!.name}) of model ${modelId} differently.`, facts: { modelId, mismatches } });
}
