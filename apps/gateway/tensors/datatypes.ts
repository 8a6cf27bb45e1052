import { DTYPES, type Dtype } from '#core/hashing';

/** Element types of the Open Inference Protocol, with BF16 as Triton has it; size in bytes, BYTES has none. */
export const DATATYPES = {
  BOOL: { size: 1, dtype: 'bool' },
  UINT8: { size: 1, dtype: 'uint8' },
  UINT16: { size: 2, dtype: undefined },
  UINT32: { size: 4, dtype: undefined },
  UINT64: { size: 8, dtype: undefined },
  INT8: { size: 1, dtype: 'int8' },
  INT16: { size: 2, dtype: undefined },
  INT32: { size: 4, dtype: 'int32' },
  INT64: { size: 8, dtype: 'int64' },
  FP16: { size: 2, dtype: undefined },
  BF16: { size: 2, dtype: undefined },
  FP32: { size: 4, dtype: 'float32' },
  FP64: { size: 8, dtype: undefined },
  BYTES: { size: undefined, dtype: undefined },
} as const satisfies Record<string, { size: number | undefined; dtype: Dtype | undefined }>;

export type Datatype = keyof typeof DATATYPES;

export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(DATATYPES, name);
}

const BY_DTYPE = new Map(Object.entries(DATATYPES).flatMap(([name, { dtype }]) => (dtype ? [[dtype, name as Datatype] as const] : [])));

/** What the protocol calls one of our element types. */
export function datatypeOf(dtype: string): Datatype {
  return BY_DTYPE.get(dtype as Dtype)!;
}

/** True if a model can have it at all. */
export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPES, name);
}
