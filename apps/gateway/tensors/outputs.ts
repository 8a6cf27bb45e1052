import type { Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { DATATYPES, datatypeOf, type Datatype } from './datatypes.js';
import { float32BitsToBfloat16, float32BitsToFloat16 } from './halves.js';

/** An output as the protocol names it, in raw form. */
export interface GivenOutput {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly raw: Uint8Array;
}

const NARROW: Partial<Record<string, (bits: number) => number>> = { FP16: float32BitsToFloat16, BF16: float32BitsToBfloat16 };

/** @param wanted FP16 or BF16 for a float32 output; its own type if left out. @throws AssayError OPTION_UNSUPPORTED */
export function outputOf(name: string, tensor: Tensor, wanted?: string): GivenOutput {
  const own = datatypeOf(tensor.dtype);
  const shape = tensor.dims;
  if (wanted === undefined || wanted === own) return { name, datatype: own, shape, raw: tensor.data };
  const narrow = NARROW[wanted];
  if (!narrow || own !== 'FP32') throw new AssayError({ code: 'OPTION_UNSUPPORTED', message: `output ${name} is ${own} and cannot be given as ${wanted}`, facts: { option: 'assay_datatype', name, datatype: own, wanted } });
  return { name, datatype: wanted as Datatype, shape, raw: narrowed(tensor.data, narrow) };
}

function narrowed(data: Uint8Array, narrow: (bits: number) => number): Uint8Array {
  const from = new DataView(data.buffer, data.byteOffset, data.length);
  const halves = new Uint8Array(data.length / 2);
  const to = new DataView(halves.buffer);
  for (let at = 0; at < halves.length; at += 2) to.setUint16(at, narrow(from.getUint32(at * 2, true)), true);
  return halves;
}

type Reader = (view: DataView, at: number) => number | bigint | boolean;
const READERS: Partial<Record<Datatype, Reader>> = {
  BOOL: (view, at) => view.getUint8(at) === 1,
  UINT8: (view, at) => view.getUint8(at),
  INT8: (view, at) => view.getInt8(at),
  INT32: (view, at) => view.getInt32(at, true),
  INT64: (view, at) => view.getBigInt64(at, true),
  FP32: (view, at) => view.getFloat32(at, true),
};

/** An output's elements one by one; undefined for types that only travel raw. */
export function valuesOf({ datatype, raw }: GivenOutput): (number | bigint | boolean)[] | undefined {
  const read = READERS[datatype];
  const { size } = DATATYPES[datatype];
  if (!read || size === undefined) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  return Array.from({ length: raw.length / size }, (_, i) => read(view, i * size));
}
