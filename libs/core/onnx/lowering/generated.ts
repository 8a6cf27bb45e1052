import { DTYPES, elementCount, elementWord, type Dtype, type Tensor } from '#core/hashing';
import { integersOf, scalar } from '../canonical/constants.js';
import { clamped, expand, gather } from '../canonical/indexing.js';
import { predicate, where } from '../canonical/logic.js';
import { transpose } from '../canonical/movement.js';
import { int64List } from '../canonical/tensors.js';
import type { ConstantValue, Value } from '../graph.js';
import { dtypeOf } from '../proto/tensor.js';
import type { Lowering, NodeView } from './node.js';

/** Operators whose outputs follow from shapes and constants: they leave no node behind where that is all they depend on. */

export const lowerSize: Lowering = (view) => [view.graph.constant({ ...int64List([elementCount(view.input(0).dims)]), dims: [] })];

export const lowerConstantOfShape: Lowering = (view) => {
  const value = view.tensor('value') ?? { dtype: 'float32' as const, dims: [1], data: new Uint8Array(4) };
  if (elementCount(value.dims) !== 1) view.refuse(`its value has shape [${value.dims}], one element is expected`);
  const dims = view.constantInts(0) ?? view.refuse('its shape is missing');
  view.checkConstant({ dtype: value.dtype, dims });
  return [expand(view.graph, view.graph.constant({ ...value, dims: [] }), dims)];
};

/** start, start + delta, … as far as limit, which is left out. */
export const lowerRange: Lowering = (view) => {
  const [start, limit, delta] = [0, 1, 2].map((index) => scalarOf(view, index)) as [Tensor, Tensor, Tensor];
  const { dtype } = start;
  if (limit.dtype !== dtype || delta.dtype !== dtype) view.refuse('its inputs have different element types');
  if (dtype === 'float32') return [view.graph.constant(floatRange(view, [start, limit, delta].map(floatOf) as [number, number, number]))];
  if (dtype !== 'int32' && dtype !== 'int64') return view.refuse(`${dtype} is not supported`);
  return [view.graph.constant(integerRange(view, dtype, [start, limit, delta].map((tensor) => integersOf(tensor)[0]!) as [bigint, bigint, bigint]))];
};

function scalarOf(view: NodeView, index: number): Tensor {
  const value = view.input(index);
  if (value.kind !== 'constant') return view.refuse(`input ${index} depends on the model's inputs, it must be constant`);
  return elementCount(value.dims) === 1 ? value.tensor : view.refuse(`input ${index} has shape [${value.dims}], a scalar is expected`);
}

const floatOf = ({ data }: Tensor): number => new DataView(data.buffer, data.byteOffset, 4).getFloat32(0, true);

/** As ONNX Runtime: the count in doubles, each element by adding delta once more (onnxruntime/core/providers/cpu/generator/range.cc). */
function floatRange(view: NodeView, [start, limit, delta]: readonly [number, number, number]): Tensor {
  const count = Math.max(0, Math.ceil(Math.fround(limit - start) / delta));
  if (!Number.isFinite(count)) view.refuse('it does not end');
  view.checkConstant({ dtype: 'float32', dims: [count] });
  const values = new Float32Array(count);
  for (let i = 0, value = start; i < count; i++, value = Math.fround(value + delta)) values[i] = value;
  return { dtype: 'float32', dims: [count], data: new Uint8Array(values.buffer) };
}

function integerRange(view: NodeView, dtype: 'int32' | 'int64', [start, limit, delta]: readonly [bigint, bigint, bigint]): Tensor {
  if (delta === 0n) view.refuse('it does not end');
  const [way, step] = delta > 0n ? [limit - start, delta] : [start - limit, -delta];
  const count = way <= 0n ? 0 : Number((way + step - 1n) / step);
  view.checkConstant({ dtype, dims: [count] });
  const values = Array.from({ length: count }, (_, i) => start + BigInt(i) * delta);
  const data = dtype === 'int64' ? BigInt64Array.from(values) : Int32Array.from(values, Number);
  return { dtype, dims: [count], data: new Uint8Array(data.buffer) };
}

export const lowerEyeLike: Lowering = (view) => {
  const like = view.input(0);
  const dtype = dtypeOf(view.int('dtype', DTYPES[like.dtype].code)) ?? view.refuse('its element type is not supported');
  const offset = view.int('k', 0);
  if (like.dims.length !== 2) view.refuse(`its input has shape [${like.dims}], a matrix is expected`);
  view.checkConstant({ dtype, dims: like.dims });
  const [rows, columns] = like.dims as [number, number];
  const on = Array.from({ length: rows }, (_, row) => row).flatMap((row) => (row + offset >= 0 && row + offset < columns ? [row * columns + row + offset] : []));
  return [view.graph.constant(withOnes({ dtype, dims: like.dims }, on))];
};

function withOnes({ dtype, dims }: { dtype: Dtype; dims: readonly number[] }, places: readonly number[]): Tensor {
  const { size } = DTYPES[dtype];
  const data = new Uint8Array(elementCount(dims) * size);
  const one = dtype === 'float32' ? [0, 0, 0x80, 0x3f] : [1];
  for (const place of places) data.set(one, place * size);
  return { dtype, dims, data };
}

/** Places of what is not zero, axis by axis; only of constants, as its shape depends on the elements. */
export const lowerNonZero: Lowering = (view) => {
  const x = view.input(0);
  if (x.kind !== 'constant') return view.refuse('its input depends on the model’s inputs, and so would the shape of its output');
  const dims = x.dims.length === 0 ? [1] : x.dims;
  const places = Array.from({ length: elementCount(dims) }, (_, i) => i).filter((i) => !isZero(x, i));
  const coordinates = dims.flatMap((size, axis) => {
    const inner = elementCount(dims.slice(axis + 1));
    return places.map((place) => Math.floor(place / inner) % size);
  });
  return [view.graph.constant({ ...int64List(coordinates), dims: [dims.length, places.length] })];
};

function isZero({ tensor }: ConstantValue, element: number): boolean {
  const word = elementWord(tensor, element);
  return word === 0n || (tensor.dtype === 'float32' && word === 0x80000000n);
}

/**
 * A row of a constant table per index: `off` everywhere but at the index. Indices count from the end if negative; one
 * outside has a row of its own at either end, without an `on`.
 */
export const lowerOneHot: Lowering = (view) => {
  const indices = view.input(0);
  const depth = Number(integersOf(scalarOf(view, 1))[0]);
  const values = view.input(2);
  if (!['int32', 'int64'].includes(indices.dtype) || !['int32', 'int64'].includes(view.input(1).dtype)) view.refuse('its indices and its depth must be int32 or int64');
  if (values.kind !== 'constant' || elementCount(values.dims) !== 2) return view.refuse('its values must be two constants');
  const rank = indices.dims.length + 1;
  const axis = view.axis(view.int('axis', -1), rank);
  if (depth < 1) view.refuse(`its depth is ${depth}`);
  view.checkConstant({ dtype: values.dtype, dims: [depth, 2 * depth + 2] });
  const table = oneHotTable(values.tensor, depth);
  const permutation = [...Array(rank - 1).keys()].toSpliced(axis, 0, rank - 1);
  const inside = clamped(view.graph, indices, [-BigInt(depth) - 1n, BigInt(depth)]);
  const rows = gather(view.graph, view.graph.constant(table), { indices: inside, axis: 0 });
  return [axis === rank - 1 ? rows : transpose(view.graph, rows, permutation)];
};

/** Rows 0 to depth − 1, one for what is beyond them, and the same from the end for negative indices. */
function oneHotTable({ dtype, data }: Tensor, depth: number): Tensor {
  const { size } = DTYPES[dtype];
  const [off, on] = [data.subarray(0, size), data.subarray(size, 2 * size)];
  const rows = 2 * depth + 2;
  const bytes = new Uint8Array(rows * depth * size);
  for (let row = 0; row < rows; row++) {
    const hot = row <= depth ? row : row - depth - 2;
    for (let column = 0; column < depth; column++) bytes.set(column === hot ? on : off, (row * depth + column) * size);
  }
  return { dtype, dims: [rows, depth], data: bytes };
}

/** What lies above or below a diagonal of the last two axes stays, the rest is zero. */
export const lowerTrilu: Lowering = (view) => {
  const x = view.input(0);
  const offset = view.optionalInput(1) ? Number(integersOf(scalarOf(view, 1))[0]) : 0;
  const upper = view.int('upper', 1) !== 0;
  const [rows, columns] = x.dims.slice(-2) as [number, number];
  if (x.dims.length < 2) view.refuse(`its input has shape [${x.dims}], at least a matrix is expected`);
  view.checkConstant({ dtype: 'bool', dims: [rows, columns] });
  const kept = Uint8Array.from({ length: rows * columns }, (_, i) => ((i % columns) - Math.floor(i / columns) >= offset ? 1 : 0));
  const mask: Tensor = { dtype: 'bool', dims: [rows, columns], data: kept };
  const condition = view.graph.constant(upper ? mask : below(mask, offset));
  if (x.dtype === 'bool') return [predicate(view.graph, 'And', [x, condition])];
  const zero: Value = x.dtype === 'float32' ? scalar(view.graph, 0) : view.graph.constant({ dtype: x.dtype, dims: [], data: new Uint8Array(DTYPES[x.dtype].size) });
  return [where(view.graph, { condition, then: x, otherwise: zero })];
};

/** The mask of what lies on the diagonal or below. */
function below(mask: Tensor, offset: number): Tensor {
  const columns = mask.dims[1]!;
  return { ...mask, data: mask.data.map((_, i) => ((i % columns) - Math.floor(i / columns) <= offset ? 1 : 0)) };
}
