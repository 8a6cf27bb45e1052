import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { MNIST_FILE } from '../../apps/cli/samples.js';
import { int64s, message, noise, sourceModel, type SourceModel } from '../models/building.js';
import { compileExternal, MOST_PER_BYTE } from './compiling.js';
import { readInChild } from './reading.js';

const MEGABYTE = 2 ** 20;
/** Of the whole process that reads all of them, above what it needs for itself; no file has more than 64 MB. */
const MOST_MEMORY = 400 * MEGABYTE;
/** On a machine ten times slower than the slowest seen. */
const MOST_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'assay-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

const shape = (...dims: number[]): Uint8Array => message(...dims.map((dim): [number, Uint8Array] => [1, message([1, dim])]));
const info = (name: string, ...dims: number[]): Uint8Array => message([1, name], [2, message([1, message([1, 1], [2, shape(...dims)])])]);
const file = (...graph: Parameters<typeof message>): Uint8Array => message([1, 8], [7, message(...graph)], [8, message([2, 17])]);
const relu: [number, Uint8Array] = [1, message([1, 'x'], [2, 'y'], [4, 'Relu'])];
const ends: [number, Uint8Array][] = [[11, info('x', 4)], [12, info('y', 4)]];
const one = (op: string, constants: SourceModel['constants'], reads: readonly string[]): Uint8Array =>
  sourceModel({ inputs: { x: [4] }, constants: constants!, outputs: { y: [4] }, nodes: [{ op, inputs: reads, output: 'big' }, { op: 'Add', inputs: ['x', 'big'], output: 'y' }] });
const many = (count: number, part: Uint8Array): Uint8Array => Buffer.alloc(count * part.length, part);
/** Field number and length of a message, and not the bytes that it promises. */
const promised = (field: number, bytes: number): Uint8Array => {
  const length: number[] = [];
  let rest = bytes;
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  return Uint8Array.of((field << 3) | 2, ...length, rest);
};

function nested(levels: number): Uint8Array {
  let graph: Uint8Array = message([2, 'inner']);
  for (let i = 0; i < levels; i++) graph = message([1, message([4, 'If'], [5, message([1, 'then_branch'], [6, graph], [20, 5])])]);
  return graph;
}

function outside(name: string, entries: Readonly<Record<string, string>>, count = 1, elements = 4): Uint8Array {
  const parts = Object.entries(entries).map(([key, value]): [number, Uint8Array] => [13, message([1, key], [2, value])]);
  const tensors = Array.from({ length: count }, (_, i): [number, Uint8Array] => [5, message([1, elements], [2, 1], [8, `c${i}`], ...parts, [14, 1])]);
  const sums = Array.from({ length: count }, (_, i): [number, Uint8Array] => [1, message([1, i === 0 ? 'x' : `s${i - 1}`], [1, `c${i}`], [2, i === count - 1 ? 'y' : `s${i}`], [4, 'Add'])]);
  return file(...sums, ...tensors, [11, info('x', elements)], [12, info('y', elements)]);
}

/** Each file and the code that it is refused with. */
const FILES: Readonly<Record<string, readonly [code: string, bytes: Uint8Array]>> = {
  'half a model': ['MODEL_UNPARSABLE', readFileSync(MNIST_FILE).subarray(0, 13_000)],
  'a circle': ['MODEL_GRAPH_INVALID', file([1, message([1, 'b'], [2, 'a'], [4, 'Relu'])], [1, message([1, 'a'], [2, 'b'], [4, 'Relu'])], [1, message([1, 'b'], [2, 'y'], [4, 'Relu'])], ...ends)],
  'graphs in graphs': ['MODEL_OPERATOR_UNSUPPORTED', file([1, message([2, 'y'], [4, 'If'], [5, message([1, 'then_branch'], [6, nested(4_000)], [20, 5])])], ...ends)],
  'groups in groups': ['MODEL_UNPARSABLE', Buffer.alloc(8 * MEGABYTE, (50 << 3) | 3)],
  'a graph of two gigabytes, promised': ['MODEL_UNPARSABLE', Buffer.concat([message([1, 8]), promised(7, 2 ** 31 - 1)])],
  'a tensor of two gigabytes, promised': ['MODEL_UNPARSABLE', file(relu, [5, promised(9, 2 ** 31 - 1)], ...ends)],
  'a million empty nodes': ['MODEL_TOO_LARGE', message([1, 8], [7, Buffer.concat([many(1_000_000, message([1, message()])), message(relu, ...ends)])], [8, message([2, 17])])],
  'a million initializers': ['MODEL_TOO_LARGE', message([7, Buffer.concat(Array.from({ length: 30_000 }, (_, i) => message([5, message([8, `c${i}`])])))], [8, message([2, 17])])],
  'a million names in a node': ['MODEL_TOO_LARGE', file([1, Buffer.concat([many(1_000_000, message([1, 'x'])), message([2, 'y'], [4, 'Relu'])])], ...ends)],
  'a million inputs': ['MODEL_TOO_LARGE', message([7, many(1_000_000, message([11, message([1, 'x'])]))], [8, message([2, 17])])],
  'a name of 48 MB': ['MODEL_TOO_LARGE', file([1, message([1, 'x'], [2, 'y'], [3, Buffer.alloc(48 * MEGABYTE, 97)], [4, 'Relu'])], ...ends)],
  'metadata of a million entries': ['MODEL_OPERATOR_UNSUPPORTED', Buffer.concat([many(1_000_000, message([14, message([1, 'key'], [2, 'value'])])), file([1, message([1, 'x'], [2, 'y'], [4, 'Det'])], ...ends)])],
  'a list of 32 million numbers': ['MODEL_UNPARSABLE', file([1, message([1, 'x'], [2, 'y'], [4, 'Relu'], [5, message([1, 'axes'], [8, new Uint8Array(32 * MEGABYTE)], [20, 7])])], ...ends)],
  'more numbers than the shape has': ['MODEL_GRAPH_INVALID', file([1, message([1, 'x'], [1, 'c'], [2, 'y'], [4, 'Add'])], [5, message([1, 4], [2, 7], [7, new Uint8Array(32 * MEGABYTE)], [8, 'c'])], ...ends)],
  'an input of 2^62 elements': ['MODEL_TOO_LARGE', sourceModel({ inputs: { x: [2 ** 31, 2 ** 31] }, outputs: { y: [1] }, nodes: [{ op: 'Relu', inputs: ['x'], output: 'y' }] })],
  'a constant of 2^80 elements': ['MODEL_TOO_LARGE', sourceModel({ inputs: { x: [1] }, constants: { c: { ...noise([1], 1), dims: [2 ** 40, 2 ** 40] } }, outputs: { y: [1] }, nodes: [{ op: 'Add', inputs: ['x', 'c'], output: 'y' }] })],
  'a constant made of its shape': ['MODEL_TOO_LARGE', one('ConstantOfShape', { s: int64s([2 ** 20, 2 ** 20]) }, ['s'])],
  'a range to a trillion': ['MODEL_TOO_LARGE', one('Range', Object.fromEntries([0, 1e12, 1].map((value, i) => [`r${i}`, { ...int64s([value]), dims: [] }])), ['r0', 'r1', 'r2'])],
  'a constant spread out': ['MODEL_TOO_LARGE', one('Expand', { c: noise([1], 1), s: int64s([40_000, 40_000]) }, ['c', 's'])],
  'a product of what is wide by what is high': ['MODEL_TOO_LARGE', sourceModel({ inputs: { a: [60_000, 1], b: [1, 60_000] }, outputs: { y: [1] }, nodes: [{ op: 'Add', inputs: ['a', 'b'], output: 'y' }] })],
  'data above the folder': ['MODEL_UNPARSABLE', outside('up', { location: '../secret' })],
  'data at the root': ['MODEL_UNPARSABLE', outside('root', { location: '/etc/passwd' })],
  'data behind a link': ['MODEL_UNPARSABLE', outside('link', { location: 'link' })],
  'data of a device': ['MODEL_UNPARSABLE', outside('device', { location: 'zero' })],
  'data beyond the end': ['MODEL_UNPARSABLE', outside('end', { location: 'weights', offset: String(2 ** 40) })],
  'data that overlaps, four gigabytes of it': ['MODEL_TOO_LARGE', outside('overlap', { location: 'weights' }, 64, 2 ** 24)],
};

it('refuses each hostile file by its code, soon and without much memory', () => {
  mkdirSync(join(folder, 'models'));
  writeFileSync(join(folder, 'secret'), new Uint8Array(16));
  symlinkSync(join(folder, 'secret'), join(folder, 'models', 'link'));
  symlinkSync('/dev/zero', join(folder, 'models', 'zero'));
  const place = (i: number): string => join(folder, 'models', `${i}.onnx`);
  const sparse = (name: string, bytes: number): string => (writeFileSync(join(folder, 'models', name), ''), truncateSync(join(folder, 'models', name), bytes), join(folder, 'models', name));
  sparse('weights', 64 * MEGABYTE);
  Object.values(FILES).forEach(([, bytes], i) => writeFileSync(place(i), bytes));
  const names = [...Object.keys(FILES), 'a file of three gigabytes'];
  const { base, outcomes } = readInChild([...Object.keys(FILES).map((_, i) => place(i)), sparse('huge.onnx', 3 * 2 ** 30)]);

  const peak = outcomes.at(-1)!.peak - base;
  const slowest = outcomes.reduce((a, b) => (a.ms > b.ms ? a : b));
  console.log(`${outcomes.length} hostile files: at most ${(peak / MEGABYTE).toFixed(0)} MB above an empty process, slowest ${slowest.ms.toFixed(0)} ms (${names[outcomes.indexOf(slowest)]})`);
  expect(Object.fromEntries(outcomes.map(({ code }, i) => [names[i], code]))).toEqual({ ...Object.fromEntries(Object.entries(FILES).map(([name, [code]]) => [name, code])), 'a file of three gigabytes': 'MODEL_TOO_LARGE' });
  expect(peak).toBeLessThan(MOST_MEMORY);
  expect(slowest.ms).toBeLessThan(MOST_MS);
}, 120_000);

// The short form of `npm run test:large`.
it('compiles weights that lie beside the model in bounded memory', () => {
  const compiled = compileExternal(folder, { bytes: 128e6, seed: 20261121 });
  console.log(`${(compiled.bytes / 1e6).toFixed(0)} MB beside the model: ${compiled.perByte.toFixed(2)} bytes of memory for each, ${compiled.seconds.toFixed(1)} s`);
  expect(compiled.code).toBe('');
  expect(compiled.perByte).toBeLessThan(MOST_PER_BYTE);
}, 120_000);
