import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { canonicalizeNaNs, type Dtype, type Tensor } from '#core/hashing';
import type { CompileReport, Signature } from '#core/onnx';
import { asAssayError } from '#core/protocol';
import { toRuntime } from './tensors.js';

/** A source file as its users run it: ONNX Runtime's default optimisation, one thread. */
export interface OriginalSession {
  /** Inputs and outputs are those of the canonical form: what was float16 in the source is float32 here. */
  run(inputs: readonly Tensor[]): Promise<Tensor[]>;
  /** The same run, its outputs left as the runtime gives them: what it costs without us. */
  compute(inputs: readonly Tensor[]): Promise<Readonly<Record<string, OrtTensor>>>;
  close(): Promise<void>;
}

/** What is known of the file from compiling it. */
export interface OriginalForm {
  readonly signature: Signature;
  readonly widened: CompileReport['widened'];
  /** False: without ONNX Runtime's optimiser, to see what it is worth. */
  readonly optimised?: boolean;
}

/** @throws AssayError EXECUTION_FAILED if ONNX Runtime does not take the file. */
export async function openOriginal(file: string | Uint8Array, { signature, widened, optimised = true }: OriginalForm): Promise<OriginalSession> {
  const options: InferenceSession.SessionOptions = { executionProviders: ['cpu'], executionMode: 'sequential', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3, ...(!optimised && { graphOptimizationLevel: 'disabled' }) };
  const session = await (typeof file === 'string' ? InferenceSession.create(file, options) : InferenceSession.create(file, options)).catch((cause: unknown) => {
    throw asAssayError(cause, 'EXECUTION_FAILED');
  });
  const halves = new Set(widened.inputs);
  const names = signature.outputs.map(({ name }) => name);
  const compute = (inputs: readonly Tensor[]): Promise<Readonly<Record<string, OrtTensor>>> =>
    session.run(Object.fromEntries(signature.inputs.map(({ name }, i) => [name, runtimeTensor(inputs[i]!, halves.has(name))])), names);
  return {
    compute,
    async run(inputs) {
      const results = await compute(inputs);
      return signature.outputs.map(({ name, dtype }) => ofRuntime(results[name]!, dtype));
    },
    close: () => session.release(),
  };
}

function runtimeTensor(tensor: Tensor, half: boolean): OrtTensor {
  const { dtype, dims, data } = toRuntime(tensor);
  return half ? new OrtTensor('float16', Uint16Array.from(data as Float32Array, halfOf), dims) : new OrtTensor(dtype, data, dims);
}

function ofRuntime({ type, data, dims }: OrtTensor, dtype: Dtype): Tensor {
  const view = type === 'float16' && data instanceof Uint16Array ? Float32Array.from(data, numberOf) : (data as Float32Array);
  return canonicalizeNaNs({ dtype, dims, data: new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice() });
}

/** IEEE binary16 of a number that has one exactly: a multiple of 1/512 from −2 to 2. */
function halfOf(value: number): number {
  const magnitude = Math.abs(value);
  const sign = value < 0 ? 0x8000 : 0;
  if (magnitude === 0) return sign;
  const exponent = Math.floor(Math.log2(magnitude));
  return sign | ((exponent + 15) << 10) | (magnitude * 2 ** (10 - exponent) - 1024);
}

function numberOf(bits: number): number {
  const [sign, exponent, fraction] = [bits >= 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
