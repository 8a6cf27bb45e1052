import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { loadCanonical } from '#core/onnx';
import { AssayError, type Receipt } from '#core/protocol';
import { openSession } from '#io/inference';
import { inputRootOf } from './requests.js';

export interface Replay {
  readonly ok: boolean;
  readonly jobId: Root;
  readonly modelId: Root;
  /** What the executor signed, and what running the job here gives. */
  readonly claimed: Root;
  readonly computed: Root;
  readonly outputs: readonly Tensor[];
}

/**
 * Runs a receipt's job again on this machine and compares output roots.
 * @throws AssayError MODEL_ID_MISMATCH, INPUT_ROOT_MISMATCH if file or inputs are not the receipt's
 */
export async function replayReceipt({ claim }: Receipt, modelFile: Uint8Array, inputs: readonly Tensor[]): Promise<Replay> {
  const { jobId, modelId, inputRoot, outputRoot } = claim.message;
  const model = loadCanonical(modelFile);
  if (model.manifest.modelId !== modelId) throw new AssayError({ code: 'MODEL_ID_MISMATCH', facts: { expected: modelId, found: model.manifest.modelId } });
  const found = inputRootOf(inputs);
  if (found !== inputRoot) throw new AssayError({ code: 'INPUT_ROOT_MISMATCH', message: 'the inputs are not those of the receipt', facts: { expected: inputRoot, found } });
  const session = await openSession(model);
  try {
    const outputs = await session.run(inputs);
    const computed = listRoot(outputs.map(tensorRoot));
    return { ok: computed === outputRoot, jobId, modelId, claimed: outputRoot, computed, outputs };
  } finally {
    await session.close();
  }
}
