import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import type { Root, Tensor } from '#core/hashing';
import type { ErrorCode } from '#core/protocol';
import { buildRequest, signRequest, type SubmitOptions } from '#sdk';
import { PROJECT_ROOT } from '#testing';
import { startWorld, type World } from './world.js';

const MODEL = readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'));
const blank = (dims: readonly number[], dtype: Tensor['dtype'] = 'float32'): Tensor => ({ dtype, dims, data: new Uint8Array(dims.reduce((a, b) => a * b, 1) * 4) });
const DIGIT = blank([1, 1, 28, 28]);

let world: World;
let modelId: Root;
beforeAll(async () => {
  world = await startWorld({ executors: 1, challengers: 0 });
  ({ modelId } = await world.assay.register({ name: 'mnist', file: MODEL }));
}, 120_000);
afterAll(() => world?.end(), 60_000);

const now = () => BigInt(Math.floor(Date.now() / 1000));
const account = () => privateKeyToAccount(world.network.keys.privateKey('submitter'));
/** WHY a wait: the status is found once in a moment for all who ask. */
const jobsSoFar = async () => (await new Promise((resolve) => setTimeout(resolve, 300)), Object.values((await world.assay.status()).jobs).reduce((a, b) => a + b, 0));

const cases: [string, ErrorCode, () => Partial<SubmitOptions>][] = [
  ['a wrong shape', 'TENSOR_SHAPE_MISMATCH', () => ({ inputs: [blank([1, 28, 28])] })],
  ['a wrong element type', 'TENSOR_DTYPE_MISMATCH', () => ({ inputs: [blank([1, 1, 28, 28], 'int32')] })],
  ['too many tensors', 'TENSOR_COUNT_MISMATCH', () => ({ inputs: [DIGIT, DIGIT] })],
  ['data of another length', 'TENSOR_DATA_MISMATCH', () => ({ inputs: [{ ...DIGIT, data: DIGIT.data.slice(4) }] })],
  ['an unknown model', 'MODEL_UNKNOWN', () => ({ model: `0x${'12'.repeat(32)}` })],
  ['a deadline that has passed', 'REQUEST_EXPIRED', () => ({ deadline: now() - 10n })],
  ['a fee below the price', 'FEE_TOO_LOW', () => ({ maxFee: 0n })],
  ['a deadline too far away', 'REQUEST_EXPIRED', () => ({ deadline: now() + 10n ** 9n })],
  ['a verification that is not offered', 'VERIFICATION_UNSUPPORTED', () => ({ verification: 'checked' })],
];

describe('a request with', () => {
  it.each(cases)('%s is refused as %s, with facts and remedy, and no job comes of it', async (_, code, change) => {
    const before = await jobsSoFar();
    const request = { model: modelId, inputs: [DIGIT], ...change() };
    const error = await submitAnyway(request).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'AssayError', code, remedy: expect.stringMatching(/\w/) as string });
    expect(await jobsSoFar()).toBe(before);
  });

  /** Signs whatever it is given, also tensors whose root our own client would refuse to compute. */
  async function submitAnyway({ model, inputs, ...options }: SubmitOptions) {
    const honest = inputs.map((tensor) => (tensor.data.length === DIGIT.data.length ? tensor : DIGIT));
    const request = buildRequest(account(), { ...options, modelId: model as Root, inputs: honest, now: now() });
    return world.assay.send(await signRequest(account(), world.assay.network, request), { inputs });
  }

  it('no deposit behind it is refused', async () => {
    const pauper = privateKeyToAccount(generatePrivateKey());
    const request = buildRequest(pauper, { modelId, inputs: [DIGIT], now: now() });
    await expect(world.assay.send(await signRequest(pauper, world.assay.network, request), { inputs: [DIGIT] })).rejects.toMatchObject({ code: 'DEPOSIT_TOO_LOW' });
  });

  it('a signature by somebody else is refused', async () => {
    const request = buildRequest(account(), { modelId, inputs: [DIGIT], now: now() });
    const other = privateKeyToAccount(world.network.keys.privateKey('executor-1'));
    const signed = await signRequest(other, world.assay.network, request);
    await expect(world.assay.send(signed, { inputs: [DIGIT] })).rejects.toMatchObject({ code: 'REQUEST_SIGNATURE_INVALID' });
  });

  it('inputs that are not the signed ones is refused', async () => {
    const signed = await world.assay.sign({ model: modelId, inputs: [DIGIT] });
    const other = { ...DIGIT, data: DIGIT.data.map((_, i) => (i === 3 ? 0x3f : 0)) };
    await expect(world.assay.send(signed, { inputs: [other] })).rejects.toMatchObject({ code: 'INPUT_ROOT_MISMATCH' });
  });

  it('a nonce used for another request is refused, the same request again is the same job', async () => {
    const first = await world.assay.sign({ model: modelId, inputs: [DIGIT], nonce: 77n });
    const answer = await world.assay.send(first, { inputs: [DIGIT] });
    expect((await world.assay.send(first, { inputs: [DIGIT] })).jobId).toBe(answer.jobId);
    const other = await world.assay.sign({ model: modelId, inputs: [DIGIT], nonce: 77n, insuredValue: 1n });
    await expect(world.assay.send(other, { inputs: [DIGIT] })).rejects.toMatchObject({ code: 'NONCE_REUSED' });
  });
});

describe('a model that', () => {
  it.each([
    ['does not parse', 'MODEL_UNPARSABLE', () => Buffer.from('this is not an ONNX model')],
    ['was cut short', 'MODEL_UNPARSABLE', () => MODEL.subarray(0, 20_000)],
  ] as const)('%s is refused as %s', async (_, code, file) => {
    await expect(world.assay.register({ name: 'broken', file: file() })).rejects.toMatchObject({ code });
  });

  it('is too large is refused before it is read whole', async () => {
    await expect(world.assay.register({ name: 'huge', file: new Uint8Array(300 * 1024 * 1024) })).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE' });
  }, 60_000);
});

it('asking for a job that nobody submitted says so', async () => {
  await expect(world.assay.job(`0x${'ab'.repeat(32)}`)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' });
});
