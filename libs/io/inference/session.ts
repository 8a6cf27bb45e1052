import { elementCount, type Tensor } from '#core/hashing';
import { executionModel, PROFILES, suffixModel, tracingModel, type BlockWidth, type CanonicalModel, type NamedHeader, type PartialModel } from '#core/onnx';
import { operatorByCode } from '#core/numerics';
import { asAssayError, AssayError } from '#core/protocol';
import { runApart, type Apart } from './apart.js';
import { blockWidth } from './kernels.js';
import { runHere, sessionOptions, type Runner } from './runner.js';
import { checkTensors, fromRuntime, toRuntime, type RuntimeTensor } from './tensors.js';
import { runOnThread } from './thread.js';

/** Above this many micro-steps a model gets a thread of its own: about ten milliseconds of computing. */
const OWN_THREAD_STEPS = 5e7;

export interface SessionOptions {
  /** Where to compute; by the model's size if left out. */
  readonly thread?: 'own' | 'calling';
  /** In a process of its own instead, for models that strangers made. */
  readonly apart?: Apart;
}

/** A model ready to run under its profile. */
export interface InferenceSession {
  readonly model: CanonicalModel;
  /** The outputs in signature order, NaNs canonical; `stop` ends the run of a model apart. @throws AssayError TENSOR_*, EXECUTION_FAILED. */
  run(inputs: readonly Tensor[], stop?: AbortSignal): Promise<Tensor[]>;
  /** Every value in trace order, the outputs entry not included, NaNs canonical. Loads a second session when first asked. */
  trace(inputs: readonly Tensor[]): Promise<Tensor[]>;
  close(): Promise<void>;
}

export async function openSession(model: CanonicalModel, options: SessionOptions = {}): Promise<InferenceSession> {
  const open = opener(model, options);
  const width = await blockWidth();
  const runner = await open(executionModel(model, width));
  let tracing: Promise<Tracing> | undefined;
  const { inputs: signature, outputs } = model.manifest.signature;
  return {
    model,
    run: (inputs, stop) => execute(runner, { inputs, signature, outputs, stop }),
    async trace(inputs) {
      tracing ??= openTracing(model, { width, open });
      const { runner: traced, outputs: values } = await tracing;
      return execute(traced, { inputs, signature, outputs: values });
    },
    async close() {
      await runner.close();
      await (await tracing)?.runner.close();
    },
  };
}

interface Tracing {
  readonly runner: Runner;
  readonly outputs: readonly NamedHeader[];
}

async function openTracing(model: CanonicalModel, { width, open }: { width: BlockWidth; open: (onnx: Uint8Array) => Promise<Runner> }): Promise<Tracing> {
  const whole = tracingModel(model, width);
  return { runner: await open(whole.onnx), outputs: namedOutputs(model, whole) };
}

export interface Splice {
  readonly inputs: readonly Tensor[];
  /** At least the values up to and including `fromValue`, in trace order. */
  readonly values: readonly Tensor[];
  readonly fromValue: number;
}

/** A whole trace around changed values: those up to `fromValue` as given, every later one recomputed from them. */
export async function traceFrom(model: CanonicalModel, { inputs, values, fromValue }: Splice): Promise<Tensor[]> {
  const kept = values.slice(0, fromValue + 1);
  if (fromValue === model.graph.nodes.length - 1) return kept;
  const suffix = suffixModel(model, fromValue, await blockWidth());
  const runner = await opener(model, {})(suffix.onnx);
  try {
    const given = suffix.inputs.map(({ kind, index }) => (kind === 'input' ? inputs[index]! : kept[index]!));
    return [...kept, ...(await execute(runner, { inputs: given, signature: suffix.inputs, outputs: namedOutputs(model, suffix) }))];
  } finally {
    await runner.close();
  }
}

function namedOutputs(model: CanonicalModel, part: PartialModel): NamedHeader[] {
  return part.outputs.map(({ name, value }) => ({ name, ...model.manifest.descriptors[value]!.output }));
}

function opener(model: CanonicalModel, { thread, apart }: SessionOptions): (onnx: Uint8Array) => Promise<Runner> {
  const profile = PROFILES.get(model.manifest.profile);
  if (!profile) throw new AssayError({ code: 'PROFILE_UNKNOWN', facts: { profile: model.manifest.profile, known: [...PROFILES.keys()] } });
  const own = thread ? thread === 'own' : totalSteps(model) > OWN_THREAD_STEPS;
  return async (onnx) => {
    try {
      if (apart) return await runApart({ modelId: model.manifest.modelId, onnx, options: sessionOptions(profile) }, apart);
      return await (own ? runOnThread : runHere)(onnx, sessionOptions(profile));
    } catch (cause) {
      throw asAssayError(cause, 'EXECUTION_FAILED');
    }
  };
}

function totalSteps(model: CanonicalModel): number {
  return model.manifest.descriptors.slice(0, -1).reduce((sum, d) => sum + elementCount(d.output.dims) * operatorByCode(d.op).steps(d), 0);
}

interface Execution {
  readonly inputs: readonly Tensor[];
  readonly signature: readonly NamedHeader[];
  readonly outputs: readonly NamedHeader[];
  readonly stop?: AbortSignal | undefined;
}

async function execute(runner: Runner, { inputs, signature, outputs, stop }: Execution): Promise<Tensor[]> {
  checkTensors(inputs, signature);
  const feeds: Record<string, RuntimeTensor> = {};
  inputs.forEach((tensor, i) => (feeds[signature[i]!.name] = toRuntime(tensor)));
  try {
    const results = await runner.run(feeds, outputs.map(({ name }) => name), stop);
    return outputs.map((header) => fromRuntime(header, results[header.name]!));
  } catch (cause) {
    throw asAssayError(cause, 'EXECUTION_FAILED');
  }
}
