import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import type { CanonicalModel } from '#core/onnx';
import { Trace, type TraceReader } from '#core/trace';
import type { InferenceSession } from '#io/inference';

export interface RunContext {
  readonly jobId: Root;
  readonly session: InferenceSession;
  readonly inputs: readonly Tensor[];
}

/** One execution as the executor answers it and, if asked, opens it value by value. */
export interface Run {
  readonly outputs: readonly Tensor[];
  readonly outputRoot: Root;
  /** Rebuilt when somebody asks: nobody pays for a trace on the happy path. */
  trace(): Promise<TraceReader>;
  /** What was falsified, for the log of an executor that lies on purpose. */
  readonly lie?: Readonly<Record<string, unknown>>;
}

export async function honestRun(context: RunContext): Promise<Run> {
  const outputs = await context.session.run(context.inputs);
  const outputRoot = rootOf(outputs);
  return {
    outputs,
    outputRoot,
    trace: async () => traceOf(context, { values: await context.session.trace(context.inputs), outputRoot }),
  };
}

export function rootOf(tensors: readonly Tensor[]): Root {
  return listRoot(tensors.map(tensorRoot));
}

/** The model's outputs among the values of a run. */
export function outputsAmong(model: CanonicalModel, values: readonly Tensor[]): Tensor[] {
  return model.manifest.descriptors.at(-1)!.operands.map(({ index }) => values[index]!);
}

export interface TraceContent {
  readonly values: readonly Tensor[];
  readonly outputRoot: Root;
  /** Instead of the model's own. */
  readonly initializers?: readonly Tensor[];
}

export function traceOf({ session: { model }, inputs }: RunContext, { values, outputRoot, initializers = model.initializers }: TraceContent): Trace {
  return new Trace({ model: model.manifest, inputs, initializers, values, outputRoot, operatorOf: operatorByCode });
}
