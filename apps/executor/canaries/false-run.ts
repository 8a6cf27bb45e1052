import { elementCount, elementWord, type Root, type Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { rootOf, type Run, type RunContext } from '../execution/run.js';
import { SeededChoice } from '../faults/seeded.js';
import { decisiveFlip, withWord } from '../faults/words.js';

/**
 * A run as any other with one bit of one output changed, by the job id. WHY no trace beside it, unlike the faults: nothing that is
 * measured from outside may take longer than an honest run.
 */
export async function canaryRun({ session, inputs, jobId }: RunContext): Promise<Run> {
  const outputs = falsified(await session.run(inputs), jobId);
  return {
    outputs,
    outputRoot: rootOf(outputs),
    trace: () => Promise.reject(new AssayError({ code: 'INVARIANT_BROKEN', message: 'a canary is opened, not defended', facts: { jobId } })),
  };
}

/** The outputs with one bit of one element changed; the same ones for the same job. @throws AssayError USAGE if they have no element */
export function falsified(outputs: readonly Tensor[], jobId: Root): Tensor[] {
  const choice = new SeededChoice(jobId);
  const candidates = outputs.flatMap(({ dims }, i) => (elementCount(dims) > 0 ? [i] : []));
  if (candidates.length === 0) throw new AssayError({ code: 'USAGE', message: 'outputs without elements cannot be false' });
  const chosen = candidates[choice.below(candidates.length)]!;
  const honest = outputs[chosen]!;
  const { element, bit } = decisiveFlip(honest, choice.below(elementCount(honest.dims)));
  const word = elementWord(honest, element) ^ (1n << BigInt(bit));
  return outputs.map((tensor, i) => (i === chosen ? withWord(honest, element, word) : tensor));
}
