/** A sliding window over the two spatial axes of an N×C×H×W tensor. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
}

/** Output height and width: floor((size + pads − extent) / stride) + 1. Throws RangeError if the window does not fit. */
export function windowDims(size: readonly [number, number], w: Window): [number, number] {
  return [0, 1].map((axis) => {
    const extent = w.dilations[axis]! * (w.kernel[axis]! - 1) + 1;
    const room = size[axis]! + w.pads[axis]! + w.pads[axis + 2]! - extent;
    if (room < 0) throw new RangeError(`the window does not fit: size ${size[axis]} with padding against extent ${extent}`);
    return Math.floor(room / w.strides[axis]!) + 1;
  }) as [number, number];
}

export function spatial(dims: readonly number[]): [number, number] {
  if (dims.length !== 4) throw new RangeError(`its input has shape [${dims}], only N×C×H×W is supported`);
  return [dims[2]!, dims[3]!];
}
