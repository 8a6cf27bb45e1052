import { arithmetic } from '../canonical/arithmetic.js';
import { floatsOf } from '../canonical/constants.js';
import { enlarge, gatherAt } from '../canonical/indexing.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';
import { originalPlace, nearestPlace, tapsOf, type Sampling, type Tap } from './sampling.js';

/** Types for which ONNX Runtime enlarges by the nearest neighbour. */
const ENLARGED: readonly string[] = ['float32', 'int32', 'int8', 'uint8'];

/** Resize, and Upsample of older operator sets: the nearest element, or a weighted sum of neighbours, axis by axis. */
export const lowerResize: Lowering = (view) => {
  const x = view.input(0);
  const mode = view.text('mode', 'nearest');
  const sampling = samplingOf(view);
  const axes = axesToResize(view, x);
  if (mode === 'nearest') return [nearest(view.graph, x, { axes, sampling })];
  const source = view.floatInput(0);
  const kernel = mode === 'linear' || mode === 'cubic' ? mode : view.refuse(`mode ${mode} is not supported`);
  // The axis that grows least comes first: fewer elements go through the rest.
  const growth = ({ size, axis }: ResizedAxis): number => size / x.dims[axis]!;
  const ordered = axes.toSorted((a, b) => growth(a) - growth(b) || a.axis - b.axis);
  return [ordered.reduce((value, axis) => weighted(view.graph, value, { axis, taps: tapsOf(kernel, { ...axis, from: x.dims[axis.axis]! }, sampling) }), source)];
};

interface ResizedAxis {
  readonly axis: number;
  readonly size: number;
  readonly scale: number;
}

function samplingOf(view: NodeView): Sampling {
  const simple = view.opset < 11;
  if (view.int('antialias', 0) !== 0) view.refuse('antialias is not supported');
  view.float('extrapolation_value', 0);
  const coordinates = view.text('coordinate_transformation_mode', simple ? 'asymmetric' : 'half_pixel');
  const rounding = view.text('nearest_mode', simple ? 'simple' : 'round_prefer_floor');
  const known = originalPlace(coordinates, { at: 0, scale: 1, from: 1, size: 1 }) !== undefined && nearestPlace(rounding, 0, 1) !== undefined;
  if (!known) view.refuse(`coordinates ${coordinates} with rounding ${rounding} are not supported`);
  return { coordinates, rounding, cubic: view.float('cubic_coeff_a', -0.75), excludeOutside: view.int('exclude_outside', 0) !== 0 };
}

/** Axes whose size or scale changes, with scales as float32: from the scales, or from the sizes divided. */
function axesToResize(view: NodeView, { dims }: Value): ResizedAxis[] {
  const axes = (view.ints('axes') ?? dims.map((_, i) => i)).map((axis) => view.axis(axis, dims.length));
  if (view.text('keep_aspect_ratio_policy', 'stretch') !== 'stretch') view.refuse('only the policy stretch is supported');
  const sizes = view.opset < 11 ? undefined : view.constantInts(3);
  const scales = sizes?.length ? undefined : scalesOf(view);
  const listed = sizes?.length ? sizes : scales!;
  if (listed.length !== axes.length) view.refuse(`${listed.length} sizes or scales for ${axes.length} axes`);
  const resized = axes.map((axis, i) => {
    const from = dims[axis]!;
    const scale = scales ? scales[i]! : Math.fround(listed[i]! / from);
    return { axis, scale, size: scales ? Math.floor(Math.fround(scale * from)) : listed[i]! };
  });
  if (resized.some(({ size, scale }) => size < 1 || size > 2 ** 31 || !(scale > 0))) view.refuse(`it would make [${resized.map(({ size }) => size)}] of shape [${dims}]`);
  return resized.filter(({ axis, size, scale }) => size !== dims[axis] || scale !== 1);
}

function scalesOf(view: NodeView): number[] {
  const attribute = view.floats('scales');
  if (attribute) return attribute.map((scale) => Math.fround(scale));
  const input = view.optionalInput(view.opset < 11 ? 1 : 2);
  if (input?.kind !== 'constant' || input.dtype !== 'float32') return view.refuse('its scales must be a constant list of float32');
  return floatsOf(input.tensor);
}

/** Whole multiples of the nearest element below in one node, anything else by constant places, axis by axis. */
function nearest(graph: GraphBuilder, x: Value, { axes, sampling }: { axes: readonly ResizedAxis[]; sampling: Sampling }): Value {
  const moves = ({ axis, size, places }: { axis: number; size: number; places: readonly number[] }): boolean => size !== x.dims[axis] || places.some((place, i) => place !== i);
  const placed = axes.map((resized) => ({ ...resized, places: placesOf(x, resized, sampling) })).filter(moves);
  const repeating = placed.every(({ axis, size, places }) => size % x.dims[axis]! === 0 && places.every((place, i) => place === Math.floor(i / (size / x.dims[axis]!))));
  if (placed.length > 0 && repeating && ENLARGED.includes(x.dtype)) return enlarge(graph, x, x.dims.map((from, axis) => (placed.find((one) => one.axis === axis)?.size ?? from) / from));
  return placed.reduce((value, { axis, places }) => gatherAt(graph, value, { places, axis }), x);
}

function placesOf(x: Value, { axis, size, scale }: ResizedAxis, { coordinates, rounding }: Sampling): number[] {
  const from = x.dims[axis]!;
  return Array.from({ length: size }, (_, at) => {
    const place = nearestPlace(rounding, originalPlace(coordinates, { at, scale, from, size })!, scale)!;
    return Math.min(Math.max(place, 0), from - 1);
  });
}

/** The sum of neighbours along one axis, each with its weight; weights that are 1 everywhere are left out. */
function weighted(graph: GraphBuilder, x: Value, { axis: { axis, size }, taps }: { axis: ResizedAxis; taps: readonly (readonly Tap[])[] }): Value {
  const terms = taps[0]!.map((_, k) => {
    const neighbours = gatherAt(graph, x, { places: taps.map((tap) => tap[k]!.place), axis });
    const data = new Uint8Array(Float32Array.from(taps, (tap) => tap[k]!.weight).buffer);
    const weights = graph.constant({ dtype: 'float32', dims: [size, ...x.dims.slice(axis + 1).map(() => 1)], data });
    return arithmetic(graph, 'Mul', [neighbours, weights]);
  });
  return terms.reduce((sum, term) => arithmetic(graph, 'Add', [sum, term]));
}
