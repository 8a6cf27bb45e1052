import { elementCount, type Tensor } from '#core/hashing';

/** Channels that lie together in the blocked layout of ONNX Runtime's NCHWc kernels: 8 with AVX2, 16 with AVX-512; 0 where there are none. */
export type BlockWidth = 0 | 8 | 16;

export const padded = (channels: number, width: number): number => Math.ceil(channels / width) * width;

/**
 * Filters M×C×KH×KW in the order of a kernel that reads blocks of channels: (m div w, c div w, ky, kx, c mod w, m mod w),
 * filled up with zeros. Source: onnxruntime/core/mlas/lib/reorder.cpp (MlasReorderFilterOIHWBiBo).
 */
export function filtersByBlock(weights: Tensor, width: number): Tensor {
  const [filters, channels] = weights.dims as [number, number];
  const [allFilters, allChannels, taps] = [padded(filters, width), padded(channels, width), elementCount(weights.dims.slice(2))];
  return moved(weights, [allFilters, allChannels], (m, c, t) => {
    const block = Math.floor(m / width) * (allChannels / width) + Math.floor(c / width);
    return ((block * taps + t) * width + (c % width)) * width + (m % width);
  });
}

/**
 * Filters M×C×KH×KW in the order of a kernel that reads single channels: (m div w, c, ky, kx, m mod w), filled up with
 * zeros. Source: onnxruntime/core/mlas/lib/reorder.cpp (MlasReorderFilterOIHWBo).
 */
export function filtersByChannel(weights: Tensor, width: number): Tensor {
  const [filters, channels] = weights.dims as [number, number];
  const taps = elementCount(weights.dims.slice(2));
  return moved(weights, [padded(filters, width), channels], (m, c, t) => ((Math.floor(m / width) * channels + c) * taps + t) * width + (m % width));
}

/** One number per filter, filled up with zeros. */
export function biasByBlock(bias: Tensor, width: number): Tensor {
  const count = padded(bias.dims[0]!, width);
  const data = new Uint8Array(4 * count);
  data.set(bias.data);
  return { dtype: 'float32', dims: [count], data };
}

/** The filters' weights for some of their input channels. */
export function filtersFor(weights: Tensor, from: number, count: number): Tensor {
  const [filters, channels, ...kernel] = weights.dims as [number, number, ...number[]];
  const taps = 4 * elementCount(kernel);
  const data = new Uint8Array(filters * count * taps);
  for (let m = 0; m < filters; m++) data.set(weights.data.subarray((m * channels + from) * taps, (m * channels + from + count) * taps), m * count * taps);
  return { dtype: 'float32', dims: [filters, count, ...kernel], data };
}

function moved(weights: Tensor, [filters, channels]: readonly [number, number], place: (m: number, c: number, tap: number) => number): Tensor {
  const [m1, c1, ...kernel] = weights.dims as [number, number, ...number[]];
  const taps = elementCount(kernel);
  const to = new Uint32Array(filters * channels * taps);
  const from = new DataView(weights.data.buffer, weights.data.byteOffset, weights.data.length);
  let at = 0;
  for (let m = 0; m < m1; m++) for (let c = 0; c < c1; c++) for (let t = 0; t < taps; t++, at += 4) to[place(m, c, t)] = from.getUint32(at, true);
  return { dtype: 'float32', dims: [filters, channels, ...kernel], data: new Uint8Array(to.buffer) };
}
