import { DTYPES } from '#core/hashing';
import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { f32Canonical } from '../float32.js';
import type { Operator } from '../operator.js';
import { broadcastIndex, broadcastsTo, coordinatesOf, indexOf } from '../shapes.js';
import { movement } from './movement.js';

/** A copy: numpy-style broadcasting to the output's shape. */
export const expand = movement('Expand', 70, {
  check(d) {
    checkForm(d, { operands: 1, attributes: 0 });
    expect(broadcastsTo(operand(d, 0).dims, d.output.dims), 'the operand does not broadcast to the output');
  },
  source: (d, element) => ({ slot: 0, element: broadcastIndex(element, d.output.dims, operand(d, 0).dims) }),
});

/** The operand repeated along each axis as often as the output has room for. */
export const tile = movement('Tile', 71, {
  check(d) {
    checkForm(d, { operands: 1, attributes: 0 });
    const input = operand(d, 0).dims;
    expect(input.length === d.output.dims.length && d.output.dims.every((size, axis) => input[axis] !== 0 && size % input[axis]! === 0), 'output is no repetition of the operand');
  },
  source(d, element) {
    const input = operand(d, 0).dims;
    const coordinates = coordinatesOf(element, d.output.dims).map((at, axis) => at % input[axis]!);
    return { slot: 0, element: indexOf(coordinates, input) };
  },
});

/** What padding holds: one value; the nearest element; the elements mirrored at the edge, which is not repeated. */
export const PAD_MODES = ['constant', 'edge', 'reflect'] as const;
export type PadMode = (typeof PAD_MODES)[number];

export interface PadAttributes {
  /** Elements before the operand, per axis; how many follow it, the output says. */
  readonly begins: readonly number[];
  readonly mode: PadMode;
  /** Word of the constant; zero in other modes. */
  readonly word: bigint;
}

export function padAttributes({ begins, mode, word }: PadAttributes): bigint[] {
  return [...begins.map(BigInt), BigInt(PAD_MODES.indexOf(mode)), BigInt.asIntN(64, word)];
}

const modeOf = (d: Descriptor): PadMode => PAD_MODES[attribute(d, operand(d, 0).dims.length)]!;
const constantOf = (d: Descriptor): bigint => BigInt.asUintN(64, d.attributes[operand(d, 0).dims.length + 1]!);

/** Elements put before and behind each axis: a constant, the nearest edge, or the mirror image. One micro-step that copies an element, or gives the constant and reads nothing. */
export const pad: Operator = {
  name: 'Pad',
  code: 72,
  check(d) {
    const input = d.operands[0]?.dims ?? [];
    checkForm(d, { operands: 1, attributes: input.length + 2 });
    expect(d.output.dims.length === input.length, 'output and operand differ in rank');
    checkedAttribute(d, input.length, 0, PAD_MODES.length - 1);
    expect(constantOf(d) < 2n ** BigInt(8 * DTYPES[d.output.dtype].size), 'the constant is wider than an element');
    const mode = modeOf(d);
    expect(mode === 'constant' || constantOf(d) === 0n, 'a constant that nothing uses');
    input.forEach((size, axis) => {
      const begin = checkedAttribute(d, axis, 0);
      const end = d.output.dims[axis]! - begin - size;
      expect(end >= 0, `the output is too small along axis ${axis}`);
      expect(mode === 'constant' || size >= 1, `axis ${axis} has no edge`);
      expect(mode !== 'reflect' || Math.max(begin, end) < size, `padding along axis ${axis} reaches beyond the mirrored elements`);
    });
  },
  steps: () => 1,
  operands(d, { element }) {
    const input = operand(d, 0).dims;
    const mode = modeOf(d);
    const coordinates = coordinatesOf(element, d.output.dims).map((at, axis) => padSource(at - attribute(d, axis), input[axis]!, mode));
    return coordinates.includes(-1) ? [] : [{ slot: 0, element: indexOf(coordinates, input) }];
  },
  apply: (d, _at, _state, [word]) => canonicalWord(d, word ?? constantOf(d)),
};

/** Place along one axis that padding shows; −1 for the constant. */
function padSource(at: number, size: number, mode: PadMode): number {
  if (at >= 0 && at < size) return at;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return at < 0 ? 0 : size - 1;
  return at < 0 ? -at : 2 * (size - 1) - at;
}

function canonicalWord(d: Descriptor, word: bigint): bigint {
  return d.output.dtype === 'float32' ? BigInt(f32Canonical(Number(word))) : word;
}

/** Every element repeated a whole number of times along each axis: enlargement by the nearest neighbour. */
export const resize = movement('Resize', 73, {
  check(d) {
    checkForm(d, { operands: 1, attributes: 0 });
    const input = operand(d, 0).dims;
    expect(input.length === d.output.dims.length && d.output.dims.every((size, axis) => input[axis] !== 0 && size % input[axis]! === 0), 'output is no whole multiple of the operand');
  },
  source(d, element) {
    const input = operand(d, 0).dims;
    const coordinates = coordinatesOf(element, d.output.dims).map((at, axis) => Math.floor(at / (d.output.dims[axis]! / input[axis]!)));
    return { slot: 0, element: indexOf(coordinates, input) };
  },
});

