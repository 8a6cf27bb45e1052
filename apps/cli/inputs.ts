import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { byteLength, canonicalizeNaNs, elementCount, type Tensor, type TensorHeader } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { isNpy, readNpy } from './npy.js';
import { photoTensor, readDigits } from './samples.js';

/** How a command is given a job's input tensors. */
export interface InputOptions {
  readonly digit?: number;
  readonly photo?: string;
  readonly input?: readonly string[];
}

export function withInputs(command: Command): Command {
  return command
    .option('--digit <n>', 'one of the 1,000 handwritten digits that come with the repository', digitNumber)
    .option('--photo <file>', 'a photo, prepared as SqueezeNet wants it')
    .option('--input <files...>', 'one file per input of the model: .json (numbers, nested or flat), .npy, or raw little-endian bytes; "-" is standard input, of any of these kinds');
}

/** @throws AssayError USAGE, FILE_UNREADABLE, TENSOR_DATA_MISMATCH */
export async function readInputs(options: InputOptions, signature: readonly (TensorHeader & { readonly name: string })[]): Promise<Tensor[]> {
  const given = [options.digit, options.photo, options.input].filter((way) => way !== undefined);
  if (given.length !== 1) throw new AssayError({ code: 'USAGE', message: 'give the input in one way: --digit, --photo or --input', facts: { inputs: signature.map((s) => `${s.name}: ${s.dtype}[${s.dims}]`) } });
  if (options.digit !== undefined) return [readDigits(options.digit + 1)[options.digit]!.tensor];
  if (options.photo !== undefined) return [await photoTensor(options.photo)];
  const files = options.input!;
  if (files.filter((file) => file === '-').length > 1) throw new AssayError({ code: 'USAGE', message: 'standard input can be one of the inputs only' });
  if (files.length !== signature.length) throw new AssayError({ code: 'TENSOR_COUNT_MISMATCH', facts: { expected: signature.map((s) => s.name), given: files } });
  return Promise.all(files.map((file, i) => readTensor(file, signature[i]!)));
}

async function readTensor(file: string, header: TensorHeader): Promise<Tensor> {
  const bytes = await (file === '-' ? standardInput() : readFile(file)).catch((cause: unknown) => {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} cannot be read`, facts: { file }, cause });
  });
  const data = isNpy(bytes) ? fromNpy(bytes, file, header) : file.endsWith('.json') || (file === '-' && isJson(bytes)) ? fromJson(bytes.toString(), file, header) : new Uint8Array(bytes);
  if (data.length !== byteLength(header)) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', facts: { file, expectedBytes: byteLength(header), foundBytes: data.length } });
  return canonicalizeNaNs({ dtype: header.dtype, dims: header.dims, data: data.slice() });
}

const MAX_STDIN_BYTES = 64 * 1024 * 1024;

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if ((bytes += chunk.length) > MAX_STDIN_BYTES) throw new AssayError({ code: 'TENSOR_TOO_LARGE', facts: { limit: MAX_STDIN_BYTES } });
  }
  return Buffer.concat(chunks);
}

/** Numbers in brackets: raw bytes that happen to look like that are not worth a thought. */
function isJson(bytes: Buffer): boolean {
  return /^\s*\[/.test(bytes.subarray(0, 64).toString('latin1')) && /\]\s*$/.test(bytes.subarray(-64).toString('latin1'));
}

/** WHY shapes of as many elements do: what is saved as [28, 28] is meant for [1, 1, 28, 28]. */
function fromNpy(bytes: Buffer, file: string, { dtype, dims }: TensorHeader): Uint8Array {
  const found = readNpy(bytes, file);
  if (found.dtype !== dtype) throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', facts: { file, expected: dtype, found: found.dtype } });
  if (found.dims.filter((dim) => dim !== 1).join() !== dims.filter((dim) => dim !== 1).join()) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `${file} has shape [${found.dims.join(', ')}]`, facts: { file, expected: dims, found: found.dims } });
  return found.data;
}

function fromJson(text: string, file: string, { dtype, dims }: TensorHeader): Uint8Array {
  let numbers: unknown[];
  try {
    numbers = [JSON.parse(text) as unknown].flat(Infinity);
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} is not JSON`, facts: { file }, cause });
  }
  if (numbers.length !== elementCount(dims) || !numbers.every((n) => typeof n === 'number')) {
    throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', facts: { file, expectedNumbers: elementCount(dims), found: numbers.length } });
  }
  return new Uint8Array(ARRAYS[dtype](numbers).buffer);
}

const ARRAYS: Record<TensorHeader['dtype'], (numbers: readonly number[]) => ArrayBufferView & { buffer: ArrayBufferLike }> = {
  float32: (n) => Float32Array.from(n),
  uint8: (n) => Uint8Array.from(n),
  int8: (n) => Int8Array.from(n),
  int32: (n) => Int32Array.from(n),
  int64: (n) => BigInt64Array.from(n, BigInt),
  bool: (n) => Uint8Array.from(n, (x) => (x ? 1 : 0)),
};

const DIGITS = 1_000;

export function digitNumber(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 0 || n >= DIGITS) throw new InvalidArgumentError(`not a whole number from 0 to ${DIGITS - 1}`);
  return n;
}
