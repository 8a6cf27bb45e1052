import type { Tensor } from '#core/hashing';
import type { GraphBuilder, Value } from '../graph.js';
import { filled } from './tensors.js';

/** A float32 scalar; one initializer per value. */
export function scalar(graph: GraphBuilder, value: number): Value {
  return graph.sharedConstant(value === 0 ? 'zero' : `scalar ${value}`, () => filled([], value));
}

/** The elements of a float32 tensor. */
export function floatsOf({ data }: Tensor): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  return Array.from({ length: data.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/** The elements of an int32 or int64 tensor. */
export function integersOf({ data, dtype }: Tensor): bigint[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const size = dtype === 'int64' ? 8 : 4;
  return Array.from({ length: data.length / size }, (_, i) => (size === 8 ? view.getBigInt64(8 * i, true) : BigInt(view.getInt32(4 * i, true))));
}

/** True for a float32 constant of which every element satisfies the condition. */
export function isConstantWhere(value: Value | undefined, condition: (element: number) => boolean): boolean {
  if (value?.kind !== 'constant' || value.dtype !== 'float32') return false;
  const { data } = value.tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (let at = 0; at < data.length; at += 4) if (!condition(view.getFloat32(at, true))) return false;
  return true;
}
