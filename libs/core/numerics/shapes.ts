import { elementCount } from '#core/hashing';

/** Row-major strides in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length);
  let stride = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis]!;
  }
  return strides;
}

/** Coordinates of a row-major index. */
export function coordinatesOf(index: number, dims: readonly number[]): number[] {
  const coordinates = new Array<number>(dims.length);
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    coordinates[axis] = index % dims[axis]!;
    index = Math.floor(index / dims[axis]!);
  }
  return coordinates;
}

/** Row-major index of coordinates. */
export function indexOf(coordinates: readonly number[], dims: readonly number[]): number {
  return dims.reduce((index, size, axis) => index * size + coordinates[axis]!, 0);
}

/** Index in an operand of shape `from` that numpy-style broadcasting reads for `index` of shape `to` (onnx/docs/Broadcasting.md). */
export function broadcastIndex(index: number, to: readonly number[], from: readonly number[]): number {
  let source = 0;
  let stride = 1;
  for (let axis = 1; axis <= from.length; axis++) {
    const size = to[to.length - axis]!;
    if (from[from.length - axis] !== 1) source += (index % size) * stride;
    stride *= from[from.length - axis]!;
    index = Math.floor(index / size);
  }
  return source;
}

/** True if shape `from` broadcasts to shape `to`. */
export function broadcastsTo(from: readonly number[], to: readonly number[]): boolean {
  return from.length <= to.length && from.every((size, axis) => size === 1 || size === to[to.length - from.length + axis]);
}

export function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export { elementCount };
