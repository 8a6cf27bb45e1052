import { byteLength, DTYPES, elementCount, type Tensor } from '#core/hashing';
import { operatorByCode, type Descriptor } from '#core/numerics';

type Elements = Uint8Array | Uint32Array | BigUint64Array;

/**
 * The output of an operator that only copies constants, or undefined if it is none of those that are done quickly here:
 * the same elements as by the reference, which takes a hundred times as long. Big weights are often transposed or cut.
 */
export function copied(d: Descriptor, tensors: readonly Tensor[]): Tensor | undefined {
  const copy = COPIES[operatorByCode(d.op).name];
  if (!copy) return undefined;
  const data = new Uint8Array(byteLength(d.output));
  copy(d, tensors.map(elementsOf), elementsOf({ ...d.output, data }));
  return { ...d.output, data };
}

/** Views of elements by their size. A tensor may start anywhere in its buffer. */
function elementsOf({ dtype, data }: Tensor): Elements {
  const { size } = DTYPES[dtype];
  const aligned = data.byteOffset % size === 0 ? data : Uint8Array.from(data);
  const count = data.length / size;
  if (size === 1) return aligned;
  return size === 4 ? new Uint32Array(aligned.buffer, aligned.byteOffset, count) : new BigUint64Array(aligned.buffer, aligned.byteOffset, count);
}

type Copy = (d: Descriptor, from: readonly Elements[], to: Elements) => void;

const COPIES: Readonly<Record<string, Copy>> = {
  Transpose(d, [from], to) {
    const strides = stridesOf(d.operands[0]!.dims);
    copyStrided(from!, to, { dims: d.output.dims, strides: d.attributes.map((axis) => strides[Number(axis)]!), start: 0 });
  },
  Slice(d, [from], to) {
    const { dims } = d.operands[0]!;
    const [starts, steps] = [d.attributes.slice(0, dims.length).map(Number), d.attributes.slice(dims.length).map(Number)];
    const strides = stridesOf(dims);
    const start = starts.reduce((sum, at, axis) => sum + at * strides[axis]!, 0);
    copyStrided(from!, to, { dims: d.output.dims, strides: strides.map((stride, axis) => stride * steps[axis]!), start });
  },
  Expand(d, [from], to) {
    const { dims } = d.operands[0]!;
    const strides = stridesOf(dims).map((stride, axis) => (dims[axis] === 1 ? 0 : stride));
    const added = d.output.dims.length - dims.length;
    copyStrided(from!, to, { dims: d.output.dims, strides: [...Array<number>(added).fill(0), ...strides], start: 0 });
  },
  Concat(d, from, to) {
    const axis = Number(d.attributes[0]!);
    const row = elementCount(d.output.dims.slice(axis));
    let start = 0;
    d.operands.forEach(({ dims }, slot) => {
      const width = elementCount(dims.slice(axis));
      for (let at = 0, out = start; at < from[slot]!.length; at += width, out += row) set(to, from[slot]!, { at, width, out });
      start += width;
    });
  },
};

function set(to: Elements, from: Elements, { at, width, out }: { at: number; width: number; out: number }): void {
  (to as Uint8Array).set(from.subarray(at, at + width) as Uint8Array, out);
}

interface Strided {
  readonly dims: readonly number[];
  /** Elements of the source per step along each axis of the output. */
  readonly strides: readonly number[];
  readonly start: number;
}

/** Elements at regular distances, in row-major order of the output. */
function copyStrided(from: Elements, to: Elements, { dims, strides, start }: Strided): void {
  const rank = dims.length;
  const [width, stride] = rank === 0 ? [1, 0] : [dims[rank - 1]!, strides[rank - 1]!];
  const at = new Array<number>(Math.max(0, rank - 1)).fill(0);
  let source = start;
  for (let out = 0; out < to.length; ) {
    for (let i = 0, place = source; i < width; i++, place += stride) to[out++] = from[place]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      source += strides[axis]!;
      if (++at[axis]! < dims[axis]!) break;
      source -= strides[axis]! * dims[axis]!;
      at[axis] = 0;
    }
  }
}

function stridesOf(dims: readonly number[]): number[] {
  return dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
}
