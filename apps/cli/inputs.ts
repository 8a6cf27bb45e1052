import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { byteLength, canonicalizeNaNs, elementCount, type Tensor, type TensorHeader } from '#core/hashing';
import { AssayError } from '#core/protocol';
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
    .option('--input <files...>', "one file per input of the model: .json (numbers, nested or flat) or raw little-endian bytes");
}

/** @throws AssayError USAGE, FILE_UNREADABLE, TENSOR_DATA_MISMATCH */
export async function readInputs(options: InputOptions, signature: readonly (TensorHeader & { readonly name: string })[]): Promise<Tensor[]> {
  const given = [options.digit, options.photo, options.input].filter((way) => way !== undefined);
  if (given.length !== 1) throw new AssayError({ code: 'USAGE', message: 'give the input in one way: --digit, --photo or --input', facts: { inputs: signature.map((s) => `${s.name}: ${s.dtype}[${s.dims}]`) } });
  if (options.digit !== undefined) return [readDigits(options.digit + 1)[options.digit]!.tensor];
  if (options.photo !== undefined) return [await photoTensor(options.photo)];
  const files = options.input!;
  if (files.length !== signature.length) throw new AssayError({ code: 'TENSOR_COUNT_MISMATCH', facts: { expected: signature.map((s) => s.name), given: files } });
  return Promise.all(files.map((file, i) => readTensor(file, signature[i]!)));
}

async function readTensor(file: string, header: TensorHeader): Promise<Tensor> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} cannot be read`, facts: { file }, cause });
  });
  const data = file.endsWith('.json') ? fromJson(bytes.toString(), file, header) : new Uint8Array(bytes);
  if (data.length !== byteLength(header)) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', facts: { file, expectedBytes: byteLength(header), foundBytes: data.length } });
  return canonicalizeNaNs({ dtype: header.dtype, dims: header.dims, data: data.slice() });
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
