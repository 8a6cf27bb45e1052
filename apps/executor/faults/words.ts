import { DTYPES, elementCount, elementWord, type Tensor } from '#core/hashing';

/** A copy with one element replaced. */
export function withWord(tensor: Tensor, element: number, word: bigint): Tensor {
  const data = new Uint8Array(tensor.data);
  const { size } = DTYPES[tensor.dtype];
  for (let byte = 0; byte < size; byte++) data[element * size + byte] = Number((word >> BigInt(8 * byte)) & 0xffn);
  return { ...tensor, data };
}

/** Another word of the dtype that is plainly different and not NaN: twice or half a normal float, one for a zero, the lowest bit otherwise. */
export function otherWord(tensor: Tensor, element: number): bigint {
  const word = elementWord(tensor, element);
  if (tensor.dtype !== 'float32') return word ^ 1n;
  const exponent = (word >> 23n) & 0xffn;
  return exponent === 0n || exponent >= 0xfen ? 0x3f800000n : word ^ 0x00800000n;
}

export interface BitFlip {
  readonly element: number;
  readonly bit: number;
}

const MAX_SEARCHED = 4096;

/**
 * A single bit whose flip makes another element the largest of a float tensor, as a forger of classifications would
 * choose it; searched from element `start` on. Without one, the lowest bit of that element.
 */
export function decisiveFlip(tensor: Tensor, start: number): BitFlip {
  const count = elementCount(tensor.dims);
  if (tensor.dtype !== 'float32') return { element: start, bit: 0 };
  const largest = largestOf(tensor);
  for (let i = 0; i < Math.min(count, MAX_SEARCHED); i++) {
    const element = (start + i) % count;
    if (element === largest.element) continue;
    for (let bit = 31; bit >= 16; bit--) {
      const value = floatOf(elementWord(tensor, element) ^ (1n << BigInt(bit)));
      if (Number.isFinite(value) && value > largest.value) return { element, bit };
    }
  }
  return { element: start, bit: 0 };
}

function largestOf(tensor: Tensor): { element: number; value: number } {
  let [element, value] = [0, -Infinity];
  for (let i = 0; i < elementCount(tensor.dims); i++) {
    const other = floatOf(elementWord(tensor, i));
    if (other > value) [element, value] = [i, other];
  }
  return { element, value };
}

function floatOf(word: bigint): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Number(word));
  return view.getFloat32(0);
}
