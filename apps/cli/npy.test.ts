import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DTYPES, elementCount, type Dtype } from '#core/hashing';
import { isNpy, readNpy, writeNpy } from './npy.js';

const tensors = fc
  .record({ dtype: fc.constantFrom<Dtype>('float32', 'uint8', 'int8', 'int32', 'int64', 'bool'), dims: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }) })
  .chain(({ dtype, dims }) => fc.uint8Array({ minLength: elementCount(dims) * DTYPES[dtype].size, maxLength: elementCount(dims) * DTYPES[dtype].size }).map((data) => ({ dtype, dims, data: Uint8Array.from(data) })));

it('what is written is read: type, shape, bytes; data begins at a multiple of 64', () => {
  fc.assert(
    fc.property(tensors, (tensor) => {
      const bytes = writeNpy(tensor);
      expect(isNpy(bytes)).toBe(true);
      expect((bytes.length - tensor.data.length) % 64).toBe(0);
      expect(readNpy(bytes, 'a.npy')).toEqual(tensor);
    }),
  );
});

/** As numpy 1.24 wrote it: numpy.save of arange(6, dtype="<f4").reshape(2, 3), and of float64. */
const header = (descr: string, rest = "'fortran_order': False, 'shape': (2, 3), ") => Buffer.from(`\u0093NUMPY\u0001\u0000v\u0000${`{'descr': '${descr}', ${rest}}`.padEnd(117)}\n`, 'latin1');
const six = Buffer.from(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);

it('reads what NumPy writes, version 2 too', () => {
  const second = Buffer.concat([Buffer.from('\u0093NUMPY\u0002\u0000v\u0000\u0000\u0000', 'latin1'), header('<f4').subarray(10), six]);
  for (const file of [Buffer.concat([header('<f4'), six]), second]) expect(readNpy(file, 'a.npy')).toEqual({ dtype: 'float32', dims: [2, 3], data: new Uint8Array(six) });
});

it.each<[string, Buffer, string]>([
  ['another element type', Buffer.concat([header('<f8'), six, six]), 'TENSOR_DTYPE_MISMATCH'],
  ['big-endian numbers', Buffer.concat([header('>f4'), six]), 'TENSOR_DTYPE_MISMATCH'],
  ['Fortran order', Buffer.concat([header('<f4', "'fortran_order': True, 'shape': (2, 3), "), six]), 'FILE_UNREADABLE'],
  ['too few numbers', Buffer.concat([header('<f4'), six.subarray(4)]), 'TENSOR_DATA_MISMATCH'],
  ['a header that is code', Buffer.concat([header('<f4', "'shape': __import__('os'), "), six]), 'FILE_UNREADABLE'],
  ['nothing but the magic', header('<f4').subarray(0, 7), 'FILE_UNREADABLE'],
])('refuses %s', (_, file, code) => {
  expect(() => readNpy(file, 'a.npy')).toThrow(expect.objectContaining({ code }));
});

const numpy = spawnSync('python3', ['-c', 'import numpy'], { encoding: 'utf8' }).status === 0;

it.skipIf(!numpy)('NumPy reads what is written', () => {
  const { stdout } = spawnSync('python3', ['-c', 'import sys, io, numpy; a = numpy.load(io.BytesIO(sys.stdin.buffer.read())); print(a.dtype, a.shape, a.sum())'], { input: writeNpy({ dtype: 'float32', dims: [2, 3], data: new Uint8Array(six) }), encoding: 'utf8' });
  expect(stdout.trim()).toBe('float32 (2, 3) 15.0');
});
