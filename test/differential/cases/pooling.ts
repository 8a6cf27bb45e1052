import { averagePoolAttributes, maxPoolAttributes, windowOutput, type Window } from '#core/numerics';
import type { Random } from '#testing';
import { float32, makeCase, type CaseGenerator } from '../case.js';
import { floats } from '../values.js';

/** A window that fits, with padding smaller than the kernel, and a tensor under it. */
function pool(random: Random, dilated: boolean): { window: Window; dims: [number, number, number, number]; output: number[] } {
  const pair = (from: number, to: number): [number, number] => [random.between(from, to), random.between(from, to)];
  const kernel = pair(1, 5);
  const pad = (axis: 0 | 1): number => random.between(0, random.pick([1, kernel[axis]]));
  const dilations: [number, number] = dilated && random.between(0, 3) === 0 ? pair(1, 3) : [1, 1];
  const window: Window = { kernel, strides: pair(1, 3), pads: [pad(0), pad(1), pad(0), pad(1)], dilations };
  const least = dilations.map((dilation, axis) => dilation * (kernel[axis]! - 1) + 2);
  const dims: [number, number, number, number] = [random.between(1, 3), random.between(1, 4), random.between(least[0]!, least[0]! + 14), random.between(least[1]!, least[1]! + 14)];
  return { window, dims, output: [dims[0], dims[1], ...windowOutput(dims[2], dims[3], window)] };
}

const onnxWindow = ({ kernel, strides, pads }: Window): Record<string, bigint[]> => ({
  kernel_shape: kernel.map(BigInt),
  strides: strides.map(BigInt),
  pads: pads.map(BigInt),
});

const maxPool: CaseGenerator = (random) => {
  const { window, dims, output } = pool(random, true);
  return makeCase(random, {
    operator: 'MaxPool',
    attributes: maxPoolAttributes(window),
    operands: [{ tensor: aboveMinusInfinity(floats(random, dims, { tame: true })) }],
    output: float32(output),
    onnx: { attributes: { ...onnxWindow(window), dilations: window.dilations.map(BigInt) } },
  });
};

/** A window of nothing but −Infinity is answered by lane; the compiler keeps it away. */
function aboveMinusInfinity(tensor: ReturnType<typeof floats>): ReturnType<typeof floats> {
  const words = new Uint32Array(tensor.data.buffer);
  words.forEach((bits, i) => (words[i] = bits === 0xff800000 ? 0xff7fffff : bits));
  return tensor;
}

const averagePool: CaseGenerator = (random) => {
  const { window, dims, output } = pool(random, false);
  const countPadding = random.between(0, 2) === 1;
  return makeCase(random, {
    operator: 'AveragePool',
    attributes: averagePoolAttributes({ ...window, countPadding }),
    operands: [{ tensor: floats(random, dims) }],
    output: float32(output),
    onnx: { attributes: { ...onnxWindow(window), count_include_pad: countPadding ? 1n : 0n } },
  });
};

export const cases: Record<string, CaseGenerator> = { MaxPool: maxPool, AveragePool: averagePool };
