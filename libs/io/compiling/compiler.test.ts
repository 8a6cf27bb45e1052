import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Tensor } from '#core/hashing';
import { compileModel, DEFAULT_PROFILE, type CanonicalModel } from '#core/onnx';
import { PROJECT_ROOT } from '#testing';
import { sourceModel } from '../../../test/models/building.js';
import { Compiler, type CompilerLimits } from './index.js';

const file = new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx')));
const source = { dims: {}, profile: DEFAULT_PROFILE.id };
const compiler = (change: Partial<CompilerLimits> = {}) => new Compiler({ maxBytes: 2 ** 29, memoryBytes: 2 ** 30, callMs: 60_000, ...change });

/** Processes that read a model for us. */
function readers(): number[] {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes('compiling/child')).map((line) => Number(line.trim().split(/\s+/)[0]));
}

/** Much larger than what its reader may have, so that two copies do not fit. */
function hungry(): Uint8Array {
  const w: Tensor = { dtype: 'float32', dims: [3 * 2 ** 25], data: new Uint8Array(3 * 2 ** 27) };
  return sourceModel({ inputs: { x: [1] }, constants: { w }, nodes: [{ op: 'Add', inputs: ['x', 'w'], output: 'y' }], outputs: { y: w.dims } });
}

it('gives the same file and id as compiling here does, and refuses with the same code and facts', async () => {
  const here: CanonicalModel = compileModel(file);
  const apart = await compiler().compile(file, source);
  expect(Buffer.from(apart.onnx).equals(Buffer.from(here.onnx))).toBe(true);
  expect(apart).toMatchObject({ modelId: here.manifest.modelId, profile: here.manifest.profile, signature: here.manifest.signature });
  expect(await compiler().idOf(here.onnx)).toBe(here.manifest.modelId);
  await expect(compiler().idOf(file)).rejects.toMatchObject({ code: 'MODEL_NOT_CANONICAL' });
  await expect(compiler({ maxBytes: 1_000 }).compile(file, source)).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE', facts: { limit: 'bytes', allowed: 1_000 } });
  expect(readers()).toEqual([]);
}, 60_000);

it('a file that fills memory ends its reader', async () => {
  // WHY not `rejects`: what was read after all would be printed, all of it.
  const outcome = await compiler({ memoryBytes: 64 * 2 ** 20 }).compile(hungry(), source).then(() => 'read', (error: unknown) => error);
  expect(outcome).toMatchObject({ code: 'MODEL_TOO_LARGE', facts: { limit: 'memory' } });
  expect(readers()).toEqual([]);
}, 60_000);

it('a reader that goes on for ever, or crashes, ends with a code; the next file is read', async () => {
  const one = compiler({ callMs: 5_000 });
  const [hanging, crashing] = [one.compile(file, source).catch((error: unknown) => error), one.compile(file, source).catch((error: unknown) => error)];
  const [first, second] = readers();
  process.kill(first!, 'SIGSTOP');
  process.kill(second!, 'SIGSEGV');
  expect(await crashing).toMatchObject({ code: 'MODEL_TOO_LARGE', facts: { limit: 'memory', ended: 'SIGSEGV' } });
  expect(await hanging).toMatchObject({ code: 'MODEL_TOO_LARGE', facts: { limit: 'milliseconds', allowed: 5_000 } });
  expect(await compiler().compile(file, source)).toMatchObject({ profile: DEFAULT_PROFILE.id });
  expect(readers()).toEqual([]);
}, 120_000);

it('many files at once wait for their turn, and more than many are refused', async () => {
  const one = compiler({ callMs: 1 });
  const codes = await Promise.all(Array.from({ length: 20 }, () => one.compile(file, source).then(() => '', ({ code }: { code: string }) => code)));
  expect(codes.filter((code) => code === 'QUEUE_FULL')).toHaveLength(2);
  expect(codes.filter((code) => code === 'MODEL_TOO_LARGE')).toHaveLength(18);
}, 120_000);
