import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { privateKeyToAccount } from 'viem/accounts';
import type { Tensor } from '#core/hashing';
import { AssayError, type ErrorCode } from '#core/protocol';
import { KeyBook } from '#io/keys';
import { connect, tensorOf, type Assay } from '#sdk';
import { freePort } from '#testing';
import { Surroundings, type TestExecutor } from './coordinator.fixture.js';

let world: Surroundings;
let coordinator: Awaited<ReturnType<Surroundings['coordinator']>>;
let executor: TestExecutor;
let assay: Assay;
let stranger: Assay;

beforeAll(async () => {
  world = await Surroundings.start();
  coordinator = await world.coordinator('mistakes', { ASSAY_MODEL_MAX_BYTES: '1000000' });
  executor = await world.executor(0);
  const url = `127.0.0.1:${coordinator.port}`;
  assay = await connect({ url, deployment: world.deployment, account: world.submitter.account });
  stranger = await connect({ url, deployment: world.deployment, account: privateKeyToAccount(`0x${'77'.repeat(32)}`) });
  await assay.register({ name: 'mnist', file: world.model.onnx });
}, 180_000);

afterAll(async () => {
  assay?.close();
  stranger?.close();
  await executor?.stop();
  await coordinator?.stop();
  await world?.stop();
});

const picture = (dims = [1, 1, 28, 28]) => tensorOf(new Float32Array(784), dims);
const submit = (by: Assay, inputs: readonly Tensor[], more: object = {}) => by.submit({ model: { name: 'mnist' }, inputs, insuredValue: 1_000n, ...more });
const aClockBehind = () => BigInt(Math.floor(Date.now() / 1000) - 3_600);

async function expiredKey(): Promise<void> {
  const book = new KeyBook(join(world.dir, 'keys'));
  const { text } = await book.create({ name: 'old', cap: 5n, expiresAt: 1_000, now: 1 });
  await book.authenticate(text, Date.now());
}

/** A model of one node, as ONNX has it: ModelProto { ir_version = 1, graph = 7, opset_import = 8 }. */
function modelWith(operator: string): Uint8Array {
  const field = (number: number, bytes: Uint8Array | string) => Buffer.concat([Buffer.from([(number << 3) | 2, Buffer.from(bytes).length]), Buffer.from(bytes)]);
  const dims = field(2, Buffer.concat([field(1, Buffer.from([8, 2]))]));
  const value = (name: string) => Buffer.concat([field(1, name), field(2, field(1, Buffer.concat([Buffer.from([8, 1]), dims])))]);
  const node = Buffer.concat([field(1, 'x'), field(2, 'y'), field(4, operator)]);
  const graph = Buffer.concat([field(1, node), field(2, 'g'), field(11, value('x')), field(12, value('y'))]);
  return new Uint8Array(Buffer.concat([Buffer.from([8, 8]), field(7, graph), field(8, Buffer.from([16, 17]))]));
}

describe('the commonest mistakes of somebody new', () => {
  it.each<[string, () => Promise<unknown>, ErrorCode, RegExp, readonly string[]]>([
    ['a wrong shape', () => submit(assay, [picture([1, 784])]), 'TENSOR_SHAPE_MISMATCH', /Reshape/, ['expected', 'dims']],
    ['a wrong element type', () => submit(assay, [tensorOf(new Int32Array(784), [1, 1, 28, 28])]), 'TENSOR_DTYPE_MISMATCH', /Convert/, ['expected', 'dtype']],
    ['an unknown model', () => submit(assay, [picture()], { model: { name: 'mnits' } }), 'MODEL_UNKNOWN', /list the models/, ['name']],
    ['no funds', () => submit(stranger, [picture()]), 'DEPOSIT_TOO_LOW', /Deposit/, ['deposit', 'missing']],
    ['no server there', async () => connect({ url: `127.0.0.1:${await freePort()}` }), 'COORDINATOR_UNREACHABLE', /Start it, or correct its address/, ['target']],
    ['a model that is too large', () => assay.register({ name: 'large', file: new Uint8Array(1_000_001) }), 'MODEL_TOO_LARGE', /smaller model/, ['allowed']],
    ['an operator outside of the set', () => assay.register({ name: 'odd', file: modelWith('SequenceMap') }), 'MODEL_OPERATOR_UNSUPPORTED', /Export with tensors only/, []],
    ['a clock that is behind', () => submit(assay, [picture()], { deadline: aClockBehind() }), 'REQUEST_EXPIRED', /clock/, ['deadline', 'now']],
    ['another network', () => connect({ url: `127.0.0.1:${coordinator.port}`, deployment: { ...world.deployment, chainId: 1 } }), 'CHAIN_MISMATCH', /deployment/, ['expected', 'found']],
    ['an expired API key', expiredKey, 'KEY_EXPIRED', /assay key create/, []],
    ['no key to sign with', async () => (await connect({ url: `127.0.0.1:${coordinator.port}` })).submit({ model: { name: 'mnist' }, inputs: [picture()] }), 'USAGE', /ASSAY_PRIVATE_KEY/, []],
  ])('%s: says what, with facts, and what to do', async (_, mistake, code, remedy, facts) => {
    const error = await mistake().then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AssayError);
    const { code: found, facts: given, remedy: told, page, message } = error as AssayError;
    expect({ found, page }).toEqual({ found: code, page: `docs/errors.md#${code.toLowerCase()}` });
    expect(told).toMatch(remedy);
    expect(message.length).toBeGreaterThan(10);
    for (const fact of facts) expect(Object.keys(given)).toContain(fact);
  }, 60_000);
});
