import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '#core/hashing';
import { compileModel, hasExternalData } from '#core/onnx';
import { dataBeside } from '#io/inference';
import { message, noise, sourceModel } from './building.js';

const weights: Tensor = noise([6, 5], 3);
const OFFSET = 4096;

/** y = x × w with w's data beside the model. Entries as onnx.proto's StringStringEntryProto. */
function modelWith(entries: Readonly<Record<string, string>>): Uint8Array {
  const info = (name: string, dims: readonly number[]): Uint8Array => {
    const shape = message(...dims.map((dim): [number, Uint8Array] => [1, message([1, dim])]));
    return message([1, name], [2, message([1, message([1, 1], [2, shape])])]);
  };
  const outside = message([1, 6], [1, 5], [2, 1], [8, 'w'], ...Object.entries(entries).map(([key, value]): [number, Uint8Array] => [13, message([1, key], [2, value])]), [14, 1]);
  const node = message([1, 'x'], [1, 'w'], [2, 'y'], [4, 'MatMul']);
  const graph = message([1, node], [2, 'g'], [5, outside], [11, info('x', [2, 6])], [12, info('y', [2, 5])]);
  return message([1, 8], [7, graph], [8, message([2, 17])]);
}

let folder: string;
let modelFile: string;
beforeAll(() => {
  const whole = mkdtempSync(join(tmpdir(), 'assay-external-'));
  folder = join(whole, 'model');
  mkdirSync(join(folder, 'data'), { recursive: true });
  modelFile = join(folder, 'model.onnx');
  writeFileSync(modelFile, 'only its folder matters');
  writeFileSync(join(folder, 'weights.bin'), Buffer.concat([Buffer.alloc(OFFSET), weights.data]));
  writeFileSync(join(folder, 'data', 'w'), weights.data);
  writeFileSync(join(whole, 'secret'), weights.data);
  symlinkSync(join(whole, 'secret'), join(folder, 'link'));
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true }));

const compile = (entries: Readonly<Record<string, string>>, limits = {}) => compileModel(modelWith(entries), { external: dataBeside(modelFile), limits });

describe('data beside the model', () => {
  const inside = sourceModel({ inputs: { x: [2, 6] }, constants: { w: weights }, nodes: [{ op: 'MatMul', inputs: ['x', 'w'], output: 'y' }], outputs: { y: [2, 5] } });

  it.each([
    ['a part of a file', { location: 'weights.bin', offset: String(OFFSET), length: '120' }],
    ['a part up to the shape’s size', { location: 'weights.bin', offset: String(OFFSET) }],
    ['a file in a folder below', { location: 'data/w' }],
    ['a checksum that nobody needs', { location: 'data/w', checksum: 'da39a3ee5e6b4b0d3255bfef95601890afd80709' }],
  ])('%s gives the model that has it inside', (_, entries) => {
    expect(Buffer.compare(compile(entries).onnx, compileModel(inside).onnx)).toBe(0);
    expect(hasExternalData(modelWith(entries))).toBe(true);
    expect(hasExternalData(inside)).toBe(false);
  });

  it.each([
    ['a way out of the folder', { location: '../secret' }, /not inside/],
    ['a way out through a folder', { location: 'data/../../secret' }, /not inside/],
    ['a root', { location: '/etc/passwd' }, /not inside/],
    ['a drive', { location: 'C:secret' }, /not inside/],
    ['another separator', { location: '..\\secret' }, /not inside/],
    ['no place', {}, /not inside/],
    ['a link out of the folder', { location: 'link' }, /no file link/],
    ['a folder', { location: 'data' }, /no file data/],
    ['a file that is not there', { location: 'ghost' }, /no file ghost/],
    ['another length than the shape’s', { location: 'data/w', length: '119' }, /119 bytes are declared/],
    ['a part beyond the end', { location: 'data/w', offset: '4' }, /bytes 4 to 124/],
    ['an offset of the other sign', { location: 'data/w', offset: '-4' }, /impossible offset/],
    ['an offset beyond everything', { location: 'data/w', offset: '99999999999999999999' }, /impossible offset/],
  ])('%s is refused', (_, entries, reason) => {
    expect(() => compile(entries)).toThrow(expect.objectContaining({ code: 'MODEL_UNPARSABLE', message: expect.stringMatching(reason) }));
  });

  it('counts toward the size of a model', () => {
    const entries = { location: 'data/w' };
    expect(() => compile(entries, { bytes: modelWith(entries).length + 119 })).toThrow(expect.objectContaining({ code: 'MODEL_TOO_LARGE' }));
  });

  it('of huge shapes is refused before it is read', () => {
    const huge = modelWith({ location: 'data/w' });
    expect(() => compileModel(huge, { limits: { tensorBytes: 119 }, external: { size: () => expect.fail('asked'), read: () => expect.fail('read') } })).toThrow(expect.objectContaining({ code: 'MODEL_TOO_LARGE' }));
  });
});
