import { convAttributes, matMulAttributes, windowOutput, type Window } from '#core/numerics';
import type { Random } from '#testing';
import { blockSize, PACKED_BLOCK } from '../../../libs/core/onnx/canonical/blocks.js';
import { float32, makeCase, type Case, type CaseGenerator } from '../case.js';
import { floats, STYLES } from '../values.js';

const matMul: CaseGenerator = (random) => {
  const [rows, inner, columns] = [random.between(1, 7), random.pick([1, 2, 17, 64, 255, 256, 257, 300, 513]), random.between(2, 40)];
  const batch = random.between(0, 3) === 0 ? [random.between(1, 3)] : [];
  const style = random.pick(STYLES);
  const operands = [{ tensor: floats(random, [...batch, rows, inner], { style }) }, { tensor: floats(random, [inner, columns], { style }), constant: true }];
  return makeCase(random, { operator: 'MatMul', attributes: matMulAttributes({ block: PACKED_BLOCK }), operands, output: float32([...batch, rows, columns]) });
};

interface ConvShape {
  readonly images: number;
  readonly groups: number;
  readonly channelsPerGroup: number;
  readonly filtersPerGroup: number;
  readonly size: readonly [number, number];
  readonly window: Window;
}

const conv: CaseGenerator = (random) => {
  for (;;) {
    const shape = convShape(random);
    const { kernel, dilations, pads } = shape.window;
    const fits = [0, 1].every((axis) => shape.size[axis]! + pads[axis]! + pads[axis + 2]! > dilations[axis]! * (kernel[axis]! - 1));
    if (!fits) continue;
    const [height, width] = windowOutput(shape.size[0], shape.size[1], shape.window);
    // A single output position goes to another kernel; the compiler refuses it.
    if (height * width > 1) return convCase(random, shape, [height, width]);
  }
};

function convShape(random: Random): ConvShape {
  const pair = (from: number, to: number): [number, number] => [random.between(from, to), random.between(from, to)];
  const padded = random.between(0, 2) === 0 ? 3 : 1;
  return {
    images: random.between(1, 3),
    groups: random.pick([1, 1, 1, 2, 3]),
    channelsPerGroup: random.pick([1, 2, 3, 8, 16, 40]),
    filtersPerGroup: random.between(2, 9),
    size: pair(2, 15),
    window: { kernel: pair(1, 6), strides: pair(1, 3), pads: [...pair(0, padded), ...pair(0, padded)], dilations: random.pick([[1, 1], [1, 1], [2, 1], [2, 3]]) },
  };
}

function convCase(random: Random, { images, groups, channelsPerGroup, filtersPerGroup, size, window }: ConvShape, output: readonly [number, number]): Case {
  const { kernel, strides, pads, dilations } = window;
  const filters = groups * filtersPerGroup;
  const style = random.pick(STYLES);
  const bias = random.between(0, 2) === 0 ? [floats(random, [filters], { style })] : [];
  const constants = [floats(random, [filters, channelsPerGroup, ...kernel], { style }), ...bias];
  const block = blockSize(output[0] * output[1], channelsPerGroup * kernel[0] * kernel[1]);
  return makeCase(random, {
    operator: 'Conv',
    attributes: convAttributes({ strides, pads, dilations, groups, block }),
    operands: [{ tensor: floats(random, [images, groups * channelsPerGroup, ...size], { style }) }, ...constants.map((tensor) => ({ tensor, constant: true }))],
    output: float32([images, filters, ...output]),
    onnx: { attributes: { kernel_shape: kernel.map(BigInt), strides: strides.map(BigInt), pads: pads.map(BigInt), dilations: dilations.map(BigInt), group: BigInt(groups) } },
  });
}

export const cases: Record<string, CaseGenerator> = { MatMul: matMul, Conv: conv };
