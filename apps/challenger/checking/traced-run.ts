import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { Trace } from '#core/trace';
import type { InferenceSession } from '#io/inference';

/** What only a run of the whole model gives. */
export interface TracedRun {
  readonly outputRoot: Root;
  readonly traceRoot: Root;
}

/** Every value of a job as this machine computes it; `change` makes a liar's values of them. */
export async function traceOf(session: InferenceSession, inputs: readonly Tensor[], change?: (values: readonly Tensor[]) => readonly Tensor[]): Promise<Trace> {
  const computed = await session.trace(inputs);
  const values = change ? change(computed) : computed;
  const { manifest, initializers } = session.model;
  const outputRoot = listRoot(manifest.descriptors.at(-1)!.operands.map(({ index }) => tensorRoot(values[index]!)));
  return new Trace({ model: manifest, inputs, initializers, values, outputRoot, operatorOf: operatorByCode });
}

export async function tracedRun(session: InferenceSession, inputs: readonly Tensor[]): Promise<TracedRun> {
  const trace = await traceOf(session, inputs);
  return { outputRoot: trace.outputRoot, traceRoot: trace.traceTree().root };
}
