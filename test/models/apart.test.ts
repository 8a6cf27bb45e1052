import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { elementCount, type Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { openSession, openTested, Quarantine, type Apart } from '#io/inference';
import { int64s, sourceModel } from './building.js';

const file = readFileSync(new URL('../../models/mnist/model.onnx', import.meta.url));
const model = compileModel(file);
const header = model.manifest.signature.inputs[0]!;
const input: Tensor = { ...header, data: new Uint8Array(4 * elementCount(header.dims)) };
const bounds = (change: Partial<Apart> = {}): Apart => ({ quarantine: new Quarantine(), memoryBytes: 2 ** 30, callMs: 60_000, ...change });

/** Processes that run a model for us, by what they were started with. */
function modelProcesses(): number[] {
  const lines = execFileSync('ps', ['-o', 'pid=,ppid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes('requireModule')).map((line) => Number(line.trim().split(/\s+/)[0]));
}

it('a model in a process of its own computes the same bytes and traces the same values', async () => {
  const [apart, here] = [await openSession(model, { apart: bounds() }), await openSession(model, { thread: 'calling' })];
  expect(await apart.run([input])).toEqual(await here.run([input]));
  expect(await apart.trace([input])).toEqual(await here.trace([input]));
  await Promise.all([apart.close(), here.close()]);
  await expect(apart.run([input])).rejects.toMatchObject({ code: 'EXECUTION_FAILED' });
  expect(modelProcesses()).toEqual([]);
}, 60_000);

it('a process that is killed takes only its call with it and is started again; after three times the model is left alone', async () => {
  const quarantine = new Quarantine();
  const session = await openSession(model, { apart: bounds({ quarantine }) });
  const expected = await session.run([input]);
  for (let times = 1; times <= 3; times++) {
    const [pid] = modelProcesses();
    const call = session.run([input]);
    process.kill(pid!, 'SIGKILL');
    // It may have answered before the signal came.
    await call.then((outputs) => expect(outputs).toEqual(expected), (error: unknown) => expect(error).toMatchObject({ code: 'EXECUTION_FAILED', facts: { ended: 'SIGKILL' } }));
    while (modelProcesses().includes(pid!)) await new Promise((resolve) => setTimeout(resolve, 20));
    if (times < 3) expect(await session.run([input])).toEqual(expected);
  }
  await expect(session.run([input])).rejects.toMatchObject({ code: 'MODEL_QUARANTINED', facts: { modelId: model.manifest.modelId, crashes: 3 } });
  quarantine.release(model.manifest.modelId);
  expect(await session.run([input])).toEqual(expected);
  await session.close();
}, 120_000);

it('a run that nobody wants any more is ended in the middle, which is not the model’s fault', async () => {
  const quarantine = new Quarantine(1);
  const session = await openSession(model, { apart: bounds({ quarantine, callMs: 3_600_000 }) });
  const expected = await session.run([input]);
  for (let times = 0; times < 3; times++) {
    const [pid] = modelProcesses();
    process.kill(pid!, 'SIGSTOP');
    const stop = new AbortController();
    const [running, behind] = [session.run([input], stop.signal), session.run([input], stop.signal)].map((run) => run.catch((error: unknown) => error));
    await new Promise((resolve) => setTimeout(resolve, 100));
    stop.abort();
    expect(await running).toMatchObject({ code: 'EXECUTION_FAILED', facts: { ended: 'SIGKILL' } });
    expect(await behind).toMatchObject({ code: 'EXECUTION_FAILED' });
    expect(modelProcesses()).not.toContain(pid);
    expect(await session.run([input])).toEqual(expected);
  }
  await session.close();
}, 120_000);

it('a model that takes too long is ended', async () => {
  await expect(openSession(model, { apart: bounds({ callMs: 1 }) })).rejects.toMatchObject({ code: 'EXECUTION_FAILED', message: expect.stringContaining('longer than 1 ms') });
}, 60_000);

it('a model that wants more memory than it may have fails, and nothing else does', async () => {
  const hungry = compileModel(sourceModel({ inputs: { x: [1] }, constants: { shape: int64s([2 ** 28]) }, nodes: [{ op: 'Expand', inputs: ['x', 'shape'], output: 'wide' }, { op: 'ReduceMax', inputs: ['wide'], output: 'y', attributes: { axes: [0] } }], outputs: { y: [1] } }));
  const session = await openSession(hungry, { apart: bounds({ memoryBytes: 64 * 2 ** 20 }) });
  const one: Tensor = { dtype: 'float32', dims: [1], data: new Uint8Array(4) };
  await expect(session.run([one])).rejects.toMatchObject({ code: 'EXECUTION_FAILED' });
  await session.close();
  await expect(openTested(hungry.onnx, { seed: 1, apart: bounds({ memoryBytes: 64 * 2 ** 20 }) })).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE' });
}, 60_000);
