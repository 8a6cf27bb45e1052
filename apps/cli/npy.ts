import { DTYPES, elementCount, type Dtype, type Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';

/** NumPy's file format, versions 1.0 to 3.0 (numpy.org, numpy.lib.format): magic, version, header length, header as a Python literal, data. */
const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
const ALIGNMENT = 64;
const DESCR: Readonly<Record<Dtype, string>> = { float32: '<f4', uint8: '|u1', int8: '|i1', int32: '<i4', int64: '<i8', bool: '|b1' };
const HEADER = /^\{\s*'descr':\s*'([^']{2,8})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}\s*$/;

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** @throws AssayError FILE_UNREADABLE, TENSOR_DTYPE_MISMATCH, TENSOR_DATA_MISMATCH */
export function readNpy(bytes: Uint8Array, file: string): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = (bytes[MAGIC.length] ?? 1) > 1;
  const start = MAGIC.length + 2 + (long ? 4 : 2);
  if (bytes.length < start) throw unreadable(file, 'it breaks off');
  const end = start + (long ? view.getUint32(MAGIC.length + 2, true) : view.getUint16(MAGIC.length + 2, true));
  const [, descr, fortran, shape] = HEADER.exec(new TextDecoder().decode(bytes.subarray(start, end))) ?? [];
  if (descr === undefined || shape === undefined) throw unreadable(file, 'its header is none of an array of numbers');
  if (fortran === 'True') throw unreadable(file, 'it is in Fortran order; save numpy.ascontiguousarray(it)');
  const dtype = (Object.keys(DESCR) as Dtype[]).find((name) => DESCR[name] === descr || DESCR[name] === descr.replace(/^[<|=]/, '|'));
  if (!dtype) throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', message: `${file} holds ${descr}`, facts: { file, found: descr, known: Object.values(DESCR) }, remedy: 'Convert it in NumPy: array.astype("float32").' });
  const dims = shape.split(',').map((text) => text.trim()).filter((text) => text !== '').map(Number);
  const data = new Uint8Array(bytes.subarray(end));
  if (data.length !== elementCount(dims) * DTYPES[dtype].size) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', facts: { file, expectedBytes: elementCount(dims) * DTYPES[dtype].size, foundBytes: data.length } });
  return { dtype, dims, data };
}

/** Version 1.0, as numpy.save writes it. */
export function writeNpy({ dtype, dims, data }: Tensor): Uint8Array {
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const header = `{'descr': '${DESCR[dtype]}', 'fortran_order': False, 'shape': (${shape}), }`;
  const start = MAGIC.length + 4;
  const length = Math.ceil((start + header.length + 1) / ALIGNMENT) * ALIGNMENT - start;
  const bytes = new Uint8Array(start + length + data.length);
  bytes.set(MAGIC);
  bytes.set([1, 0, length & 0xff, length >> 8], MAGIC.length);
  bytes.set(new TextEncoder().encode(`${header.padEnd(length - 1)}\n`), start);
  bytes.set(data, start + length);
  return bytes;
}

function unreadable(file: string, reason: string): AssayError {
  return new AssayError({ code: 'FILE_UNREADABLE', message: `${file} is not usable as .npy: ${reason}`, facts: { file } });
}
