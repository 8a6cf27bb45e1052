import { DTYPES, type Dtype, type Tensor } from '#core/hashing';
import { int64s, noise, noiseOf, type Attributes, type SourceModel } from './building.js';
import { describeConformance, type ConformanceCase } from './conformance.js';

const TYPES = Object.keys(DTYPES) as Dtype[];

interface Options {
  readonly attributes?: Attributes;
  readonly opset?: number;
  readonly dtype?: Dtype;
  /** After x, in this order. */
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly outputType?: Dtype;
}

/** One operator of one input and constants. */
const one = (op: string, [x, y]: readonly [number[], number[]], { attributes = {}, opset = 17, dtype = 'float32', constants = {}, outputType = dtype }: Options = {}): ConformanceCase => ({
  name: `${op} ${JSON.stringify(attributes)} of ${dtype}[${x}] to [${y}]${opset === 17 ? '' : `, operator set ${opset}`}`,
  tolerance: op === 'Resize' ? 1e-6 : 1e-12,
  model: { opset, inputs: { x }, dtypes: { x: dtype, y: outputType }, constants, nodes: [{ op, inputs: ['x', ...Object.keys(constants)], output: 'y', attributes }], outputs: { y } },
});

const eachType = (make: (dtype: Dtype) => ConformanceCase): ConformanceCase[] => TYPES.map(make);
const float32s = (values: readonly number[]): Tensor => ({ dtype: 'float32', dims: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) });
const scalarOf = (tensor: Tensor): Tensor => ({ ...tensor, dims: [] });

const COPIES: ConformanceCase[] = [
  ...eachType((dtype) => one('Reshape', [[2, 6], [3, 4]], { dtype, constants: { s: int64s([3, -1]) } })),
  ...eachType((dtype) => one('Transpose', [[2, 3, 4], [4, 2, 3]], { dtype, attributes: { perm: [2, 0, 1] } })),
  ...eachType((dtype) => one('Slice', [[5, 6], [2, 3]], { dtype, constants: { starts: int64s([-1, 4]), ends: int64s([-99, -99]), axes: int64s([0, 1]), steps: int64s([-3, -2]) } })),
  ...eachType((dtype) => one('Gather', [[5, 3], [5, 2, 2]], { dtype, attributes: { axis: 1 }, constants: { i: { ...int64s([0, -1, 2, 1]), dims: [2, 2] } } })),
  ...eachType((dtype) => one('Expand', [[3, 1], [2, 3, 4]], { dtype, constants: { s: int64s([2, 1, 4]) } })),
  ...eachType((dtype) => one('Tile', [[2, 3], [4, 9]], { dtype, constants: { r: int64s([2, 3]) } })),
  ...eachType((dtype) => one('Pad', [[2, 3], [4, 3]], { dtype, constants: { p: int64s([1, -1, 1, 1]), v: scalarOf(noiseOf({ dtype, dims: [1] }, 12)) } })),
  ...eachType((dtype) => one('Resize', [[1, 2, 3, 3], [1, 2, 6, 9]], { dtype, constants: { none: float32s([]), s: float32s([1, 1, 2, 3]) }, attributes: { mode: 'nearest' } })).filter(({ model }) => !['int64', 'bool'].includes(model.dtypes!['x']!)),
  ...eachType((dtype) => one('Flatten', [[2, 3, 4], [6, 4]], { dtype, attributes: { axis: -1 } })),
  ...eachType((dtype) => one('Unsqueeze', [[2, 3], [1, 2, 3, 1]], { dtype, constants: { axes: int64s([0, -1]) } })),
  ...eachType((dtype) => one('Squeeze', [[1, 2, 1, 3], [2, 1, 3]], { dtype, constants: { axes: int64s([0]) } })),
  ...eachType((dtype) => one('Trilu', [[2, 3, 4], [2, 3, 4]], { dtype, attributes: { upper: 0 }, constants: { k: scalarOf(int64s([1])) } })).filter(({ model }) => ['float32', 'int64', 'bool'].includes(model.dtypes!['x']!)),
  one('Trilu', [[4, 4], [4, 4]]),
];

const at = (values: readonly number[], dims: readonly number[]): Tensor => ({ ...int64s(values), dims });
const scatter = (op: string, [x, u]: readonly [number[], number[]], indices: Tensor, { attributes = {}, opset = 17, dtype = 'float32' }: Options = {}): ConformanceCase => ({
  name: `${op} of ${dtype}[${u}] into [${x}] ${JSON.stringify(attributes)}, operator set ${opset}`,
  tolerance: 1e-12,
  model: { opset, inputs: { x, u }, dtypes: { x: dtype, u: dtype, y: dtype }, constants: { i: indices }, nodes: [{ op, inputs: ['x', 'i', 'u'], output: 'y', attributes }], outputs: { y: x } },
});

/** Constant places: all of these are rows taken by a table. */
const PLACES: ConformanceCase[] = [
  ...eachType((dtype) => one('GatherND', [[3, 4], [3]], { dtype, constants: { i: at([0, 1, 2, 3, -1, -4], [3, 2]) } })),
  one('GatherND', [[3, 4, 2], [2, 2, 4, 2]], { constants: { i: at([2, 0, -1, 1], [2, 2, 1]) } }),
  one('GatherND', [[2, 3, 4], [2, 2, 4]], { attributes: { batch_dims: 1 }, constants: { i: at([2, 0, 1, -1], [2, 2, 1]) } }),
  ...eachType((dtype) => scatter('ScatterND', [[4, 3], [2, 3]], at([3, -4], [2, 1]), { dtype })),
  scatter('ScatterND', [[2, 3, 2], [3, 2]], at([0, 1, 1, 2, 0, 1], [3, 2]), {}),
  ...eachType((dtype) => scatter('ScatterElements', [[3, 5], [2, 3]], at([0, 2, 4, 1, -1, 3], [2, 3]), { dtype, attributes: { axis: -1 } })),
  scatter('ScatterElements', [[3, 3], [2, 2]], at([2, 1, 0, -1], [2, 2])),
  scatter('Scatter', [[3, 3], [1, 2]], at([2, 1], [1, 2]), { opset: 10 }),
];

const PADS: ConformanceCase[] = [
  one('Pad', [[1, 2, 4, 5], [1, 2, 6, 8]], { attributes: { mode: 'reflect' }, constants: { p: int64s([0, 0, 1, 2, 0, 0, 1, 1]) } }),
  one('Pad', [[4, 5], [7, 7]], { attributes: { mode: 'edge' }, constants: { p: int64s([3, 0, 0, 2]) } }),
  one('Pad', [[4, 5], [11, 7]], { opset: 19, attributes: { mode: 'wrap' }, constants: { p: int64s([3, 0, 4, 2]) } }),
  one('Pad', [[4, 5], [4, 8]], { opset: 18, constants: { p: int64s([1, 2]), v: scalarOf(float32s([-7])), axes: int64s([-1]) } }),
  one('Pad', [[4, 5], [6, 5]], { opset: 10, attributes: { pads: [1, 0, 1, 0], value: { float: 2.5 } } }),
];

const resized = (size: readonly [number, number], attributes: Attributes, x = [1, 2, 4, 6]): ConformanceCase =>
  one('Resize', [x, [...x.slice(0, 2), ...size]], { attributes, constants: { none: float32s([]), also: float32s([]), sizes: int64s([...x.slice(0, 2), ...size]) } });
const scaled = (scales: readonly [number, number], y: readonly [number, number], attributes: Attributes, opset = 17): ConformanceCase =>
  one('Resize', [[1, 2, 4, 6], [1, 2, ...y]], { opset, attributes, constants: { ...(opset > 10 && { none: float32s([]) }), s: float32s([1, 1, ...scales]) } });

const COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];
const RESIZES: ConformanceCase[] = [
  ...COORDINATES.flatMap((coordinate_transformation_mode) => [
    ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].flatMap((nearest_mode) => [
      resized([7, 15], { mode: 'nearest', coordinate_transformation_mode, nearest_mode }),
      resized([3, 2], { mode: 'nearest', coordinate_transformation_mode, nearest_mode }),
    ]),
    resized([7, 15], { mode: 'linear', coordinate_transformation_mode }),
    resized([8, 12], { mode: 'linear', coordinate_transformation_mode }),
    resized([3, 2], { mode: 'linear', coordinate_transformation_mode }),
    resized([7, 15], { mode: 'cubic', coordinate_transformation_mode }),
    resized([7, 3], { mode: 'cubic', coordinate_transformation_mode, cubic_coeff_a: { float: -0.5 }, exclude_outside: 1 }),
  ]),
  scaled([2, 2.6], [8, 15], { mode: 'linear' }),
  scaled([0.6, 0.5], [2, 3], { mode: 'nearest' }),
  one('Resize', [[1, 2, 1, 4], [1, 2, 1, 8]], { attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric' }, constants: { none: float32s([]), s: float32s([1, 1, 1.5, 2]) } }),
  one('Resize', [[1, 2, 1, 4], [1, 2, 1, 4]], { attributes: { mode: 'nearest' }, constants: { none: float32s([]), s: float32s([1, 1, 1.5, 1]) } }),
  scaled([1.5, 2], [6, 12], { mode: 'nearest' }, 10),
  scaled([0.6, 0.5], [2, 3], { mode: 'nearest' }, 10),
  scaled([2, 2], [8, 12], { mode: 'linear' }, 10),
  one('Upsample', [[1, 2, 3, 3], [1, 2, 6, 9]], { opset: 9, constants: { s: float32s([1, 1, 2, 3]) } }),
];

const SUMS: ConformanceCase[] = (['float32', 'int32', 'int64'] as const).flatMap((dtype) =>
  [{}, { exclusive: 1 }, { reverse: 1 }, { exclusive: 1, reverse: 1 }].map((attributes) => one('CumSum', [[3, 7, 2], [3, 7, 2]], { dtype, attributes, constants: { axis: scalarOf(int64s([1])) } })),
);

/** Computed indices go through a clamp; here all of them lie inside, as the original refuses others. */
const indexed = (op: string, data: Tensor, indices: number[], y: number[], attributes: Attributes): ConformanceCase => ({
  name: `${op} of [${data.dims}] by computed indices [${indices}]`,
  tolerance: 1e-12,
  model: {
    inputs: { i: indices },
    dtypes: { i: 'int64' },
    constants: { data },
    nodes: [{ op, inputs: ['data', 'i'], output: 'y', attributes }],
    outputs: { y },
  },
});

const INDICES: ConformanceCase[] = [
  indexed('Gather', noise([20, 3], 1), [2, 4], [2, 4, 3], { axis: 0 }),
  indexed('Gather', noise([3, 20, 2], 1), [5], [3, 5, 2], { axis: -2 }),
  indexed('GatherElements', noise([20, 3], 1), [4, 3], [4, 3], { axis: 0 }),
  {
    name: 'Gather by the place of the largest, without a clamp',
    tolerance: 1e-12,
    model: {
      inputs: { x: [4, 9] },
      constants: { table: noise([9, 5], 2) },
      nodes: [{ op: 'ArgMax', inputs: ['x'], output: 'best', attributes: { axis: 1, keepdims: 0 } }, { op: 'Gather', inputs: ['table', 'best'], output: 'y' }],
      outputs: { y: [4, 5] },
    },
  },
  {
    name: 'OneHot of computed indices, some outside',
    tolerance: 1e-12,
    model: {
      inputs: { i: [3, 5] },
      dtypes: { i: 'int64' },
      constants: { depth: scalarOf(int64s([4])), values: float32s([-1, 2]) },
      nodes: [{ op: 'OneHot', inputs: ['i', 'depth', 'values'], output: 'y', attributes: { axis: 1 } }],
      outputs: { y: [3, 4, 5] },
    },
  },
];

const SPLITS: ConformanceCase[] = [
  {
    name: 'Split into listed sizes, equal ones, and as many as asked',
    tolerance: 1e-12,
    model: {
      opset: 18,
      inputs: { x: [7, 6] },
      constants: { sizes: int64s([2, 5]) },
      nodes: [
        { op: 'Split', inputs: ['x', 'sizes'], output: 'a', furtherOutputs: ['b'] },
        { op: 'Split', inputs: ['b'], output: 'c', furtherOutputs: ['d'], attributes: { axis: 1, num_outputs: 2 } },
        { op: 'Split', inputs: ['d'], output: 'e', furtherOutputs: ['g', 'h'], attributes: { num_outputs: 3 } },
        { op: 'Concat', inputs: ['e', 'h', 'g'], output: 'y', attributes: { axis: 0 } },
      ],
      outputs: { a: [2, 6], c: [5, 3], y: [5, 3] },
    },
  },
];

const BEST: ConformanceCase[] = [{}, { largest: 0 }, { axis: 0 }].map((attributes: { largest?: number; axis?: number }) => ({
  name: `TopK ${JSON.stringify(attributes)}`,
  tolerance: 1e-12,
  model: {
    inputs: { x: [6, 9] },
    dtypes: { places: 'int64' },
    constants: { k: int64s([3]) },
    nodes: [{ op: 'TopK', inputs: ['x', 'k'], output: 'best', furtherOutputs: ['places'], attributes: { sorted: 1, ...attributes } }],
    outputs: { best: attributes.axis === 0 ? [3, 9] : [6, 3], places: attributes.axis === 0 ? [3, 9] : [6, 3] },
  },
}));

const POOLS: ConformanceCase[] = [
  one('MaxPool', [[1, 3, 20], [1, 3, 9]], { attributes: { kernel_shape: [3], strides: [2] } }),
  one('AveragePool', [[2, 3, 21], [2, 3, 11]], { attributes: { kernel_shape: [3], strides: [2], pads: [1, 1] } }),
  one('AveragePool', [[1, 3, 12], [1, 3, 1]], { attributes: { kernel_shape: [12] } }),
].map((pool) => ({ ...pool, tolerance: 1e-6 }));

/** Whatever only shapes decide is gone after compiling. */
const shaped = (name: string, nodes: SourceModel['nodes'], y: number[], constants: SourceModel['constants'] = {}): ConformanceCase => ({ name, tolerance: 1e-12, model: { inputs: { x: [2, 3, 4] }, constants, nodes, outputs: { y } } });
const SHAPES: ConformanceCase[] = [
  shaped(
    'a mask of ones below the diagonal, made of shapes',
    [
      { op: 'Shape', inputs: ['x'], output: 'shape' },
      { op: 'Gather', inputs: ['shape', 'two'], output: 'n' },
      { op: 'Range', inputs: ['zero', 'n', 'one'], output: 'columns' },
      { op: 'Unsqueeze', inputs: ['columns', 'axis'], output: 'rows' },
      { op: 'LessOrEqual', inputs: ['columns', 'rows'], output: 'below' },
      { op: 'Cast', inputs: ['below'], output: 'mask', attributes: { to: 1 } },
      { op: 'MatMul', inputs: ['x', 'mask'], output: 'y' },
    ],
    [2, 3, 4],
    { two: scalarOf(int64s([2])), zero: scalarOf(int64s([0])), one: scalarOf(int64s([1])), axis: int64s([1]) },
  ),
  shaped(
    'an expansion by Shape, Concat with nothing, ConstantOfShape and Where',
    [
      { op: 'Shape', inputs: ['x'], output: 'shape', attributes: { start: -1 } },
      { op: 'Slice', inputs: ['shape', 'zero', 'zero'], output: 'nothing' },
      { op: 'Concat', inputs: ['nothing', 'minus', 'shape'], output: 'wanted', attributes: { axis: 0 } },
      { op: 'Shape', inputs: ['wanted'], output: 'rank' },
      { op: 'ConstantOfShape', inputs: ['rank'], output: 'ones', attributes: {} },
      { op: 'Reshape', inputs: ['x', 'wanted'], output: 'flat' },
      { op: 'Size', inputs: ['flat'], output: 'count' },
      { op: 'Cast', inputs: ['count'], output: 'number', attributes: { to: 1 } },
      { op: 'Unsqueeze', inputs: ['ones', 'zero'], output: 'row' },
      { op: 'MatMul', inputs: ['row', 'pair'], output: 'none' },
      { op: 'Add', inputs: ['none', 'number'], output: 'sum' },
      { op: 'Mul', inputs: ['flat', 'sum'], output: 'y' },
    ],
    [6, 4],
    { zero: int64s([0]), minus: int64s([-1]), pair: noise([2, 4], 4) },
  ),
  shaped(
    'what is not zero in a constant, and a diagonal',
    [
      { op: 'EyeLike', inputs: ['square'], output: 'eye', attributes: { k: 1 } },
      { op: 'NonZero', inputs: ['eye'], output: 'places' },
      { op: 'Gather', inputs: ['places', 'one'], output: 'columns' },
      { op: 'Gather', inputs: ['x', 'columns'], output: 'some', attributes: { axis: 2 } },
      { op: 'MatMul', inputs: ['some', 'pair'], output: 'a' },
      { op: 'MatMul', inputs: ['a', 'eye'], output: 'y' },
    ],
    [2, 3, 3],
    { square: noise([3, 3], 5), pair: noise([2, 3], 6), one: scalarOf(int64s([1])) },
  ),
];

describeConformance([...COPIES, ...PLACES, ...PADS, ...RESIZES, ...SUMS, ...INDICES, ...SPLITS, ...BEST, ...POOLS, ...SHAPES]);
