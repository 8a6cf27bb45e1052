const f = Math.fround;

/** Where the elements of a resized axis come from, in ONNX's words. */
export interface Sampling {
  readonly coordinates: string;
  readonly rounding: string;
  /** Coefficient a of the cubic kernel. */
  readonly cubic: number;
  /** Neighbours beyond the edge weigh nothing, the others more. */
  readonly excludeOutside: boolean;
}

export interface Position {
  readonly at: number;
  readonly scale: number;
  /** Sizes of the axis before and after. */
  readonly from: number;
  readonly size: number;
}

type Transformation = (position: Position) => number;

/** All in float32. Source: onnxruntime/core/providers/cpu/tensor/upsamplebase.h (GetOriginalCoordinateFromResizedCoordinate). */
const TRANSFORMATIONS: Readonly<Record<string, Transformation>> = {
  asymmetric: ({ at, scale }) => f(at / scale),
  half_pixel: ({ at, scale }) => f(f(f(at + 0.5) / scale) - 0.5),
  half_pixel_symmetric: ({ at, scale, from, size }) => {
    const adjustment = f(size / f(scale * from));
    const offset = f(f(from / 2) * f(1 - adjustment));
    return f(f(offset + f(f(at + 0.5) / scale)) - 0.5);
  },
  pytorch_half_pixel: ({ at, scale, size }) => (size > 1 ? f(f(f(at + 0.5) / scale) - 0.5) : 0),
  tf_half_pixel_for_nn: ({ at, scale }) => f(f(at + 0.5) / scale),
  align_corners: ({ at, from, size }) => (size === 1 ? 0 : f(f(at * (from - 1)) / (size - 1))),
};

/** Place on the axis before, not yet rounded; undefined for a transformation that is not known. */
export function originalPlace(name: string, position: Position): number | undefined {
  return Object.hasOwn(TRANSFORMATIONS, name) ? TRANSFORMATIONS[name]!(position) : undefined;
}

/** Halves away from zero, as std::round. */
const roundAway = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

/** Source as above (GetNearestPixelFromOriginal). `simple` is what operator sets before 11 mean. */
const ROUNDINGS: Readonly<Record<string, (place: number, scale: number) => number>> = {
  simple: (place, scale) => (scale < 1 ? Math.ceil(place) : Math.trunc(place)),
  round_prefer_floor: (place) => (place === f(Math.trunc(place) + 0.5) ? Math.floor(place) : roundAway(place)),
  round_prefer_ceil: (place) => roundAway(place),
  floor: (place) => Math.floor(place),
  ceil: (place) => Math.ceil(place),
};

export function nearestPlace(name: string, place: number, scale: number): number | undefined {
  return Object.hasOwn(ROUNDINGS, name) ? ROUNDINGS[name]!(place, scale) : undefined;
}

/** A neighbour and what it weighs. */
export interface Tap {
  readonly place: number;
  readonly weight: number;
}

export interface Axis {
  readonly from: number;
  readonly size: number;
  readonly scale: number;
}

/** The neighbours that make up each element of the resized axis: two for linear, four for cubic. */
export function tapsOf(mode: 'linear' | 'cubic', axis: Axis, sampling: Sampling): Tap[][] {
  return Array.from({ length: axis.size }, (_, at) => {
    const place = axis.scale === 1 ? at : originalPlace(sampling.coordinates, { ...axis, at })!;
    return mode === 'linear' ? linearTaps(place, axis.from) : cubicTaps(place, axis.from, sampling);
  });
}

/** Source: onnxruntime/core/providers/cpu/tensor/upsample.cc (SetupUpsampleBilinear). */
function linearTaps(original: number, from: number): Tap[] {
  const place = Math.max(0, Math.min(original, from - 1));
  const low = Math.min(Math.trunc(place), from - 1);
  const high = Math.min(low + 1, from - 1);
  if (low === high) return [{ place: low, weight: 0.5 }, { place: low, weight: 0.5 }];
  return [{ place: low, weight: f(Math.abs(f(place - high))) }, { place: high, weight: f(Math.abs(f(place - low))) }];
}

/** Source: as above (GetCubicCoeffs). */
function cubicTaps(place: number, from: number, { cubic: a, excludeOutside }: Sampling): Tap[] {
  const s = place - Math.floor(place);
  const near = (x: number): number => (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  const far = (x: number): number => a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a;
  const weights = [far(s + 1), near(s), near(1 - s), far(2 - s)];
  const places = [-1, 0, 1, 2].map((offset) => Math.floor(place) + offset);
  const counted = weights.map((weight, k) => (excludeOutside && (places[k]! < 0 || places[k]! >= from) ? 0 : weight));
  const sum = excludeOutside ? counted.reduce((x, y) => x + y, 0) : 1;
  return places.map((at, k) => ({ place: Math.max(0, Math.min(at, from - 1)), weight: f(counted[k]! / sum) }));
}
