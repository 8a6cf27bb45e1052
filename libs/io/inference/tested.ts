import { loadCanonical } from '#core/onnx';
import { AssayError } from '#core/protocol';
import type { Root } from '#core/hashing';
import { selfTest } from './self-test.js';
import { openSession, type InferenceSession } from './session.js';

/** A model that this machine has shown to compute as the reference does. */
export interface TestedModel {
  readonly modelId: Root;
  readonly session: InferenceSession;
  close(): Promise<void>;
}

const SEED = 1;

/**
 * A model file, derived anew, opened and tested on this machine before anybody uses it.
 * @throws AssayError SELF_TEST_FAILED naming what differs, MODEL_NOT_CANONICAL and the like
 */
export async function openTested(file: Uint8Array): Promise<TestedModel> {
  const session = await openSession(loadCanonical(file));
  const { modelId } = session.model.manifest;
  const verdict = await selfTest([session], { seed: SEED });
  if (verdict.ok) return { modelId, session, close: () => session.close() };
  await session.close();
  throw new AssayError({ code: 'SELF_TEST_FAILED', facts: { modelId, seed: SEED, elements: verdict.elements, mismatches: verdict.mismatches } });
}
