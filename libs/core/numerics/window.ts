import { expect } from './checks.js';

/** A window sliding over height and width of an N×C×H×W tensor. Pairs are height, width. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
}

/** Output height and width: floor((size + pads − extent) / stride) + 1. Throws RangeError if the window does not fit. */
export function windowOutput(height: number, width: number, w: Window): [number, number] {
  const along = (size: number, axis: 0 | 1): number => {
    const extent = w.dilations[axis] * (w.kernel[axis] - 1) + 1;
    const room = size + w.pads[axis] + w.pads[axis + 2]! - extent;
    expect(room >= 0, `window of extent ${extent} on a size of ${size}`);
    return Math.floor(room / w.strides[axis]) + 1;
  };
  return [along(height, 0), along(width, 1)];
}

/** One tap of the window, in kernel coordinates, at one output position. */
export interface Tap {
  readonly y: number;
  readonly x: number;
  readonly ky: number;
  readonly kx: number;
}

/** Offset of the tap in an H×W plane, or undefined in the padding. */
export function tapOffset(w: Window, [height, width]: readonly [number, number], tap: Tap): number | undefined {
  const row = tap.y * w.strides[0] - w.pads[0] + tap.ky * w.dilations[0];
  const column = tap.x * w.strides[1] - w.pads[1] + tap.kx * w.dilations[1];
  return row < 0 || row >= height || column < 0 || column >= width ? undefined : row * width + column;
}
