import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { elementWord, type Root, type Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { canaryId, canaryLeaf, canaryTruth, claimDigest, type Claim, type NetworkId, type Request } from '#core/protocol';
import { CANARY_PHASES } from '#io/chain';
import { openTested, type TestedModel } from '#io/inference';
import { buildRequest } from '#sdk';
import { PROJECT_ROOT } from '#testing';
import { ClaimLedger, type LedgerEntry } from '../claiming/ledger.js';
import { DefendedTraces } from '../defence/defended-traces.js';
import { honestRun } from '../execution/run.js';
import { canaryRun, falsified } from './false-run.js';
import { mixedInputs } from './inputs.js';
import { Planter } from './planter.js';
import { CanaryRecords } from './records.js';
import { ServedJobs } from './served-jobs.js';

const NETWORK: NetworkId = { chainId: 31337, disputes: `0x${'d1'.repeat(20)}` };
const account = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const root = (byte: number): Root => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`;
const floats = (values: readonly number[]): Tensor => ({ dtype: 'float32', dims: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) });
const DIGIT: Tensor = { dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(4 * 28 * 28) };

const dir = mkdtempSync(join(tmpdir(), 'assay-canaries-'));
let model: TestedModel;
beforeAll(async () => void (model = await openTested(compileModel(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))).onnx, { seed: 1 })), 60_000);
afterAll(async () => {
  await model?.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('what a canary says', () => {
  it('differs from the true outputs in one bit of one element, the same for the same job', () => {
    const outputs = [floats([0.5, -1, 3, 8]), floats([])];
    for (const job of [1, 2, 3, 4].map(root)) {
      const lie = falsified(outputs, job);
      const changed = [0, 1, 2, 3].map((i) => elementWord(lie[0]!, i) ^ elementWord(outputs[0]!, i)).filter((bits) => bits !== 0n);
      expect(changed.map((bits) => bits.toString(2).replaceAll('0', ''))).toEqual(['1']);
      expect(falsified(outputs, job)).toEqual(lie);
    }
    expect(() => falsified([floats([])], root(1))).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('is asked with inputs of which each element was served at its place', () => {
    const below = (limit: number) => Math.floor(limit / 3);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 20 }), (values) => {
        const [one, other] = [floats(values), floats(values.map((v) => -v))];
        const mixed = new Float32Array(mixedInputs([one], [other], below)[0]!.data.buffer);
        expect([...mixed].map(Math.abs)).toEqual(values);
        expect([...mixed].findIndex((v) => v < 0)).toBe(below(values.length + 1) < values.length ? below(values.length + 1) : -1);
      }),
    );
  });

  it('is like jobs that were answered truly and ask for no more than others do', () => {
    const served = new ServedJobs();
    const entry = (fault: LedgerEntry['fault'], verification: number) => ({ fault, claim: { modelId: root(1) }, request: { verification } }) as LedgerEntry;
    served.note(entry('canary', 0));
    served.note(entry('none', 1));
    expect(served.pair(() => 0)).toBeUndefined();
    const plain = entry('none', 0);
    served.note(plain);
    expect(served.pair(() => 0)).toEqual([plain, plain]);
  });
});

it('is kept with all that opens it until it is over', async () => {
  const secret = { jobId: root(1), executor: account.address, falseRoot: root(2), trueRoot: root(3), traceRoot: root(4), salt: root(5) };
  const id = canaryId(account.address, canaryLeaf(secret));
  const request: Request = buildRequest(account, { modelId: root(6), inputs: [DIGIT], now: 1_000n });
  const kept = await (await CanaryRecords.open(dir)).add({ id, secret, request, signature: '0x00', bond: 7n, submitAt: 5 }, [DIGIT]);
  const again = await CanaryRecords.open(dir);
  expect(await again.all()).toEqual([kept]);
  expect(await again.inputsOf(kept)).toEqual([DIGIT]);
  await again.remove(id);
  expect(await again.all()).toEqual([]);
});

it('is not asked for before the second after the one it was planted in, or its opening would be refused', async () => {
  const secret = { jobId: root(1), executor: account.address, falseRoot: root(2), trueRoot: root(3), traceRoot: root(4), salt: root(5) };
  const records = await CanaryRecords.open(mkdtempSync(join(dir, 'planted-')));
  await records.add({ id: root(8), secret, request: buildRequest(account, { modelId: root(6), inputs: [DIGIT], now: 1_000n }), signature: '0x00', bond: 7n, submitAt: 5 }, [DIGIT]);
  const planted = 100n;
  let [now, sent, askedAt] = [planted, false, 0n];
  const chain = { now: async () => now, canaries: { canaryOf: async () => ({ phase: CANARY_PHASES.indexOf('planted'), since: 0n, plantedAt: planted }), trial: async () => 60n, life: async () => 600n } } as never;
  const clock = { now: () => 1_000_000, sleep: async () => (await new Promise(setImmediate), void now++) };
  const assay = { send: async () => (sent = true), job: async () => void (askedAt ||= now) };
  const planter = new Planter({ chain, clock, assay, records, executor: account, submitter: account, served: new ServedJobs(), log: { info: () => undefined, warn: () => undefined }, intervalMs: 1e9 } as never);
  await planter.start();
  await vi.waitFor(() => expect([sent, askedAt]).toEqual([true, planted + 1n]), 20_000);
  await planter.stop();
});

it('is not defended by its executor; what its opening says is', async () => {
  const ledger = await ClaimLedger.open(dir);
  const { manifest } = model.session.model;
  const context = { jobId: root(9), session: model.session, inputs: [DIGIT] };
  const [lie, truth] = [await canaryRun(context), await honestRun(context)];
  expect(lie.outputRoot).not.toBe(truth.outputRoot);
  const request = buildRequest(account, { modelId: manifest.modelId, inputs: [DIGIT], now: 1_000n });
  const claim: Claim = { jobId: root(9), modelId: manifest.modelId, inputRoot: request.inputRoot, outputRoot: lie.outputRoot, executor: account.address, coordinator: account.address, fee: 1n, insuredValue: 1n };
  await ledger.record({ claim, signature: '0x00', request, fault: 'canary' }, [DIGIT]);
  const traces = new DefendedTraces({ network: NETWORK, ledger, models: { with: async (_, work) => work(model) }, fetchInputs: async () => [DIGIT] });
  expect(await traces.traceFor(claimDigest(NETWORK, claim), claim)).toBe('unknown');
  const said = canaryTruth(claim, truth.outputRoot);
  const trace = await traces.traceFor(claimDigest(NETWORK, said), said);
  expect(trace !== 'unknown' && trace.traceTree().root).toBe((await truth.trace()).traceTree().root);
});
