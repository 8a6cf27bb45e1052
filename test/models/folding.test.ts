import { describe, expect, it } from 'vitest';
import { elementCount, type Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { openSession } from '#io/inference';
import { noiseOf, sourceModel, type SourceModel } from './building.js';
import { specimens } from './specimens.js';

const SEED = 20261121;

/** A constant means what it would mean as an input: one graph with inputs, and the same with constants in their place. */
describe('folding gives the bits of a run', () => {
  it.each(specimens())('$operator', async ({ model }) => {
    const given = Object.fromEntries(Object.entries(model.inputs).map(([name, dims], i) => [name, name === 'i' ? indices(dims) : noiseOf({ dtype: model.dtypes?.[name] ?? 'float32', dims }, SEED + i)]));
    const session = await openSession(compileModel(sourceModel(model)));
    const [run] = await session.run(session.model.manifest.signature.inputs.map(({ name }) => given[name]!));
    await session.close();

    const folded = foldedOutput(model, given, run!);
    expect(folded.dims).toEqual(run!.dims);
    expect(Buffer.compare(folded.data, run!.data)).toBe(0);
  });
});

/** A constant index outside is refused, an input is brought inside: so these are inside. */
function indices(dims: readonly number[]): Tensor {
  return { dtype: 'int64', dims: [...dims], data: new Uint8Array(BigInt64Array.from({ length: elementCount(dims) }, (_, i) => BigInt((i % 5) - 2)).buffer) };
}

/** y of the model with constants for its inputs: as the compiler joins it to an input that is left. */
function foldedOutput({ inputs: _, ...model }: SourceModel, given: Readonly<Record<string, Tensor>>, { dtype, dims }: Tensor): Tensor {
  const count = elementCount(dims);
  const compiled = compileModel(sourceModel({
    ...model,
    inputs: { more: [1] },
    dtypes: { ...model.dtypes, more: dtype, joined: dtype },
    constants: { ...model.constants, ...given, flat: { dtype: 'int64', dims: [1], data: new Uint8Array(BigInt64Array.of(-1n).buffer) } },
    nodes: [...model.nodes, { op: 'Reshape', inputs: ['y', 'flat'], output: 'row' }, { op: 'Concat', inputs: ['row', 'more'], output: 'joined', attributes: { axis: 0 } }],
    outputs: { joined: [count + 1] },
  }));
  expect(compiled.report.operators).toEqual({ Concat: 1 });
  const [row] = compiled.manifest.descriptors[0]!.operands;
  return { dtype, dims, data: compiled.initializers[row!.index]!.data };
}
