import { compileModel } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { describeMismatch, openSession, selfTest } from '#io/inference';
import { SAMPLE_MODELS, sampleFile } from './sample-models.js';

const SEED = 20;

/** Compares this machine's runtime with the reference on every node of the sample models. @throws AssayError SELF_TEST_FAILED */
export async function machineSelfTest(progress: (line: string) => void): Promise<string> {
  let elements = 0;
  for (const name of SAMPLE_MODELS) {
    progress(`self-test on ${name} …`);
    const session = await openSession(compileModel(await sampleFile(name)));
    const verdict = await selfTest([session], { seed: SEED }).finally(() => session.close());
    elements += verdict.elements;
    const [first] = verdict.mismatches;
    if (first) throw new AssayError({ code: 'SELF_TEST_FAILED', message: `This machine computes ${name} differently: ${describeMismatch(first)}.`, facts: { model: name, mismatches: verdict.mismatches } });
  }
  return `${elements} sampled elements of ${SAMPLE_MODELS.join(' and ')} have the reference's bits`;
}
