import { elementCount } from '#core/hashing';
import { floatsOf } from './canonical/constants.js';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor } from './proto/model.js';
import { decodeTensor, type Decoding } from './proto/tensor.js';

/** TensorProto.DataType */
const [UINT8, INT8, INT32] = [2, 3, 6];

/** How far the scale of a bias may be from the product of the scales of input and weights, relative to it. */
const BIAS_SCALE_TOLERANCE = 1e-4;

/** A QuantizeLinear or DequantizeLinear node whose parameters are constants: x, scale and zero point by name. */
interface Quantiser {
  readonly x: string;
  readonly scale: string;
  readonly zeroPoint: string;
  readonly scales: readonly number[];
  readonly zeroPoints: Uint8Array;
  readonly dataType: number;
  readonly axis: number;
}

/**
 * Nodes with Conv, Gemm and MatMul between DequantizeLinear and QuantizeLinear as the integer operators that such a pattern
 * means (ONNX Runtime's optimiser reads it the same way): QLinearConv, QGemm, QLinearMatMul. A Relu or Clip in between goes, where
 * quantising cuts at its bounds anyway. What does not fit the pattern in every respect stays as it is written, and is
 * then computed in float32.
 */
export function integerForms(graph: OnnxGraph, decoding: Decoding): readonly OnnxNode[] {
  return new Patterns(graph, decoding).rewritten();
}

class Patterns {
  private readonly makers = new Map<string, OnnxNode>();
  private readonly uses = new Map<string, number>();

  constructor(private readonly graph: OnnxGraph, private readonly decoding: Decoding) {
    for (const node of graph.nodes) {
      for (const name of node.outputs) this.makers.set(name, node);
      for (const name of node.inputs) this.uses.set(name, (this.uses.get(name) ?? 0) + 1);
    }
    for (const { name } of graph.outputs) this.uses.set(name, (this.uses.get(name) ?? 0) + 1);
  }

  rewritten(): readonly OnnxNode[] {
    return this.graph.nodes.map((node) => (isNode(node, 'QuantizeLinear') && this.fused(node)) || node);
  }

  private fused(last: OnnxNode): OnnxNode | undefined {
    const y = this.quantiser(last);
    if (!y || y.scales.length !== 1) return undefined;
    const core = this.coreBefore(y);
    const form = core && FORMS[core.opType];
    if (!form || core.domain !== '') return undefined;
    const [a, b] = [this.dequantised(core.inputs[0]), this.dequantised(core.inputs[1])];
    if (!a || !b || a.scales.length !== 1 || a.dataType !== y.dataType) return undefined;
    const perChannel = form.channelAxis(core);
    if (perChannel === undefined || (b.scales.length > 1 && b.axis !== perChannel)) return undefined;
    const bias = core.inputs[2] ? this.bias(core.inputs[2], { a, b }) : '';
    return bias === undefined ? undefined : { ...form.make(core, { a, b, y, bias }), name: core.name, outputs: last.outputs };
  }

  /** What makes the value that is quantised, a Relu or Clip without effect left out; undefined if others use it too. */
  private coreBefore(y: Quantiser): OnnxNode | undefined {
    const before = this.onlyMaker(y.x);
    const bounds = before && this.boundsOf(before);
    if (!before || !bounds) return before;
    const [lowest, highest] = y.dataType === UINT8 ? [0, 255] : [-128, 127];
    const zero = y.dataType === UINT8 ? y.zeroPoints[0]! : (y.zeroPoints[0]! << 24) >> 24;
    const [least, most] = bounds.map((bound) => roundEven(Math.fround(bound / y.scales[0]!)) + zero) as [number, number];
    return least <= lowest && most >= highest ? this.onlyMaker(before.inputs[0]!) : undefined;
  }

  /** Where a Relu or Clip cuts; undefined for other nodes and for computed bounds. */
  private boundsOf(node: OnnxNode): readonly [number, number] | undefined {
    if (isNode(node, 'Relu')) return [0, Infinity];
    if (!isNode(node, 'Clip')) return undefined;
    const bound = (name: string, index: number, none: number): number | undefined => {
      const input = node.inputs[index] ?? '';
      if (input === '') return node.attributes.get(name)?.float ?? none;
      const tensor = this.constant(input);
      return tensor && floatsOf(decodeTensor(tensor, this.decoding))[0];
    };
    const [least, most] = [bound('min', 1, -Infinity), bound('max', 2, Infinity)];
    return least === undefined || most === undefined ? undefined : [least, most];
  }

  private onlyMaker(name: string): OnnxNode | undefined {
    return this.uses.get(name) === 1 ? this.makers.get(name) : undefined;
  }

  private dequantised(name: string | undefined): Quantiser | undefined {
    const node = name === undefined ? undefined : this.makers.get(name);
    return node && isNode(node, 'DequantizeLinear') ? this.quantiser(node) : undefined;
  }

  private quantiser(node: OnnxNode): Quantiser | undefined {
    const [x = '', scale = '', zeroPoint = ''] = node.inputs;
    const [scales, zero] = [this.constant(scale), this.constant(zeroPoint)];
    const blocks = node.attributes.get('block_size')?.int ?? 0n;
    if (!scales || !zero || blocks !== 0n || (zero.dataType !== UINT8 && zero.dataType !== INT8)) return undefined;
    const [scaleValues, zeroValues] = [decodeTensor(scales, this.decoding), decodeTensor(zero, this.decoding)];
    if (scaleValues.dtype !== 'float32' || elementCount(zeroValues.dims) === 0) return undefined;
    return { x, scale, zeroPoint, scales: floatsOf(scaleValues), zeroPoints: zeroValues.data, dataType: zero.dataType, axis: Number(node.attributes.get('axis')?.int ?? 1n) };
  }

  /** The int32 tensor that is dequantised as bias, if with the scale of the products and without a zero point. */
  private bias(name: string, { a, b }: { a: Quantiser; b: Quantiser }): string | undefined {
    const node = this.makers.get(name);
    if (!node || !isNode(node, 'DequantizeLinear')) return undefined;
    const [x = '', scale = '', zeroPoint = ''] = node.inputs;
    const [values, scales, zero] = [this.constant(x), this.constant(scale), zeroPoint === '' ? undefined : this.constant(zeroPoint)];
    if (values?.dataType !== INT32 || !scales || (zeroPoint !== '' && !zero)) return undefined;
    if (zero && decodeTensor(zero, this.decoding).data.some((byte) => byte !== 0)) return undefined;
    const own = floatsOf(decodeTensor(scales, this.decoding));
    const channels = Math.max(own.length, b.scales.length);
    const fits = Array.from({ length: channels }, (_, i) => {
      const product = a.scales[0]! * (b.scales[i] ?? b.scales[0]!);
      return Math.abs((own[i] ?? own[0]!) - product) <= BIAS_SCALE_TOLERANCE * product;
    });
    return fits.every(Boolean) ? x : undefined;
  }

  /** The initializer of that name, also behind Identity nodes. */
  private constant(name: string): OnnxTensor | undefined {
    let at = name;
    for (let maker = this.makers.get(at); maker && isNode(maker, 'Identity'); maker = this.makers.get(at)) at = maker.inputs[0]!;
    return this.graph.initializers.get(at);
  }
}

function roundEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor > 0.5 || (x - floor === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

function isNode(node: OnnxNode, opType: string): boolean {
  return node.opType === opType && (node.domain === '' || node.domain === 'ai.onnx');
}

interface Parts {
  readonly a: Quantiser;
  readonly b: Quantiser;
  readonly y: Quantiser;
  readonly bias: string;
}

interface Form {
  /** Axis of the right side with one scale per channel of the output; undefined where the node does not fit. */
  channelAxis(core: OnnxNode): number | undefined;
  make(core: OnnxNode, parts: Parts): Omit<OnnxNode, 'name' | 'outputs'>;
}

const scaled = ({ x, scale, zeroPoint }: Quantiser): string[] => [x, scale, zeroPoint];
const parameters = ({ scale, zeroPoint }: Quantiser): string[] => [scale, zeroPoint];
const isOne = (attribute: OnnxAttribute | undefined): boolean => attribute === undefined || attribute.float === 1;
const isSet = (attribute: OnnxAttribute | undefined): boolean => (attribute?.int ?? 0n) !== 0n;

const FORMS: Readonly<Record<string, Form>> = {
  Conv: {
    channelAxis: () => 0,
    make: ({ attributes }, { a, b, y, bias }) => ({ opType: 'QLinearConv', domain: '', attributes, inputs: [...scaled(a), ...scaled(b), ...parameters(y), ...(bias === '' ? [] : [bias])] }),
  },
  MatMul: {
    // Of matrices; a stack has its columns elsewhere and is not quantised per column.
    channelAxis: () => 1,
    make: ({ attributes }, { a, b, y }) => ({ opType: 'QLinearMatMul', domain: '', attributes, inputs: [...scaled(a), ...scaled(b), ...parameters(y)] }),
  },
  Gemm: {
    channelAxis({ attributes }) {
      if (!isOne(attributes.get('alpha')) || !isOne(attributes.get('beta'))) return undefined;
      return isSet(attributes.get('transB')) ? 0 : 1;
    },
    make: ({ attributes }, { a, b, y, bias }) => ({
      opType: 'QGemm',
      domain: 'com.microsoft',
      attributes: new Map([...attributes].filter(([name]) => name === 'transA' || name === 'transB')),
      inputs: [...scaled(a), ...scaled(b), bias, ...parameters(y)],
    }),
  },
};
