import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listRoot, tensorRoot, ZERO_ROOT, type Root, type Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { AssayError, claimDigest, claimTypedData, isDrawnForClaim, jobIdOf, requestTypedData, type Claim, type NetworkId, type Request } from '#core/protocol';
import { openSession, type InferenceSession, type TestedModel } from '#io/inference';
import type { BatchedClaim } from '#io/messaging';
import { createLogger, createMonitoring } from '#platform';
import type { SeenBatch } from '../watching/batch-watch.js';
import { checkBatch, type BatchCheckParts, type Finding } from './batch-check.js';
import { claimsOfBatch } from './batch-claims.js';
import { checkClaim, type ClaimCheckParts } from './claim-check.js';
import { Gate } from './gate.js';
import { Misconduct } from './misconduct.js';
import { challengerMetrics } from './metrics.js';
import { RightClaims } from './right-claims.js';
import { tracedRun, type TracedRun } from './traced-run.js';

const network: NetworkId = { chainId: 31337, disputes: `0x${'22'.repeat(20)}` };
const executor = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const submitter = privateKeyToAccount(`0x${'12'.repeat(32)}`);
const wrongRoot = `0x${'ee'.repeat(32)}` as Root;
let session: InferenceSession;
let inputs: Tensor[];
let outputRoot: Root;

beforeAll(async () => {
  const model = compileModel(readFileSync(new URL('../../../models/mnist/model.onnx', import.meta.url)));
  session = await openSession(model);
  inputs = model.manifest.signature.inputs.map(({ dtype, dims }) => ({ dtype, dims, data: new Uint8Array(new Float32Array(784).map((_, i) => i % 200).buffer) }));
  outputRoot = listRoot((await session.run(inputs)).map(tensorRoot));
});
afterAll(() => session?.close());

async function batched(change: Partial<Claim> = {}, nonce = 1n): Promise<BatchedClaim> {
  const modelId = session.model.manifest.modelId;
  const request: Request = { submitter: submitter.address, modelId, inputRoot: listRoot(inputs.map(tensorRoot)), maxFee: 9n, insuredValue: 1n, deadline: 99n, nonce, verification: 0, redundancy: 1 };
  const claim: Claim = { jobId: jobIdOf(network, request), modelId, inputRoot: request.inputRoot, outputRoot, executor: executor.address, coordinator: submitter.address, fee: 9n, insuredValue: 1n, ...change };
  return {
    request,
    requestSignature: await submitter.signTypedData(requestTypedData(network, request)),
    claim,
    signature: await executor.signTypedData(claimTypedData(network, claim)),
  };
}

const own = (): TestedModel => ({ modelId: session.model.manifest.modelId, session, close: async () => undefined });
const parts = (change: Partial<ClaimCheckParts> = {}): ClaimCheckParts => ({
  network,
  models: { with: (_, work) => work(own()) },
  fetchInputs: async () => inputs,
  ...change,
});

describe('checkClaim', () => {
  it('finds a right claim valid and a wrong one invalid, with the root it computed', async () => {
    expect((await checkClaim(await batched(), parts())).verdict).toEqual({ kind: 'valid' });
    expect(await checkClaim(await batched({ outputRoot: wrongRoot }), parts())).toEqual({ verdict: { kind: 'invalid', computed: outputRoot }, inputs });
  });

  const silent = () => Promise.reject(new AssayError({ code: 'PEER_SILENT' }));
  const failing = (code: 'SELF_TEST_FAILED' | 'MODEL_ID_MISMATCH') => ({ with: () => Promise.reject(new AssayError({ code })) });
  const contradicting = (): TestedModel => {
    let runs = 0;
    return { ...own(), session: { ...session, run: async () => [{ dtype: 'uint8', dims: [1], data: Uint8Array.of(runs++) }] } };
  };
  it.each<[string, Partial<ClaimCheckParts>, string]>([
    ['the inputs are not served', { fetchInputs: silent }, 'PEER_SILENT'],
    ['other inputs are served', { fetchInputs: async () => [] }, 'DATA_UNAVAILABLE'],
    ['this machine failed its self-test', { models: failing('SELF_TEST_FAILED') }, 'SELF_TEST_FAILED'],
    ['another model came under the id', { models: failing('MODEL_ID_MISMATCH') }, 'MODEL_ID_MISMATCH'],
    ['this machine contradicts itself', { models: { with: (_, work) => work(contradicting()) } }, 'SELF_TEST_FAILED'],
  ])('knows nothing when %s, even of a wrong claim', async (_, change, code) => {
    const { verdict } = await checkClaim(await batched({ outputRoot: wrongRoot }), parts(change));
    expect(verdict).toMatchObject({ kind: 'unknown', reason: { code } });
  });

  it('does not accuse on papers that a contract would not take', async () => {
    const unsigned = { ...(await batched({ outputRoot: wrongRoot })), signature: `0x${'00'.repeat(65)}` as const };
    expect((await checkClaim(unsigned, parts())).verdict).toMatchObject({ kind: 'unknown', reason: { code: 'CLAIM_SIGNATURE_INVALID' } });
    const misplaced = await batched({ outputRoot: wrongRoot, jobId: wrongRoot });
    expect((await checkClaim(misplaced, parts())).verdict).toMatchObject({ kind: 'unknown', reason: { code: 'CLAIM_INVALID' } });
  });
});

const batchOf = (claims: readonly BatchedClaim[]): SeenBatch => ({
  batchId: 1n,
  root: StandardMerkleTree.of(claims.map(({ claim }) => [claimDigest(network, claim)]), ['bytes32']).root as Root,
  count: claims.length,
  coordinator: submitter.address,
  block: 5n,
});

describe('a batch', () => {
  const three = async () => [await batched(), await batched({ outputRoot: wrongRoot }, 2n), await batched({}, 3n)];

  it('is only believed if its claims make the root on chain; the order is not up to who serves them', async () => {
    const claims = await three();
    const batch = batchOf(claims);
    const order = claimsOfBatch(batch, claims, network);
    expect(claimsOfBatch(batch, [...claims].reverse(), network)).toEqual(order);
    for (const served of [claims.slice(0, 2), [claims[1]!, claims[1]!, claims[2]!], [...claims, claims[0]!]]) expect(() => claimsOfBatch(batch, served, network)).toThrow(AssayError);
  });

  /** Chain time runs with the clock; the window ends at 20. */
  function batchParts(claims: BatchedClaim[], findings: Finding[], change: Partial<BatchCheckParts> = {}): BatchCheckParts {
    let time = 10_000;
    return {
      ...parts(),
      address: submitter.address,
      chain: {
        batches: { batch: async () => ({ root: batchOf(claims).root, committedAt: 0n }), challengeWindow: async () => 20n, sampleRate: async () => 2n ** 32n } as never,
        ...{ account: undefined, disputes: undefined as never, requests: undefined as never, vault: undefined as never },
        beacon: async () => (time >= 11_000 ? wrongRoot : undefined),
        now: async () => BigInt(Math.floor(time / 1000)),
        headTime: async () => BigInt(Math.floor(time / 1000)),
      },
      fetchClaims: async () => claims,
      demands: false,
      sampleAll: false,
      maxChainLagS: 30,
      gate: new Gate(2),
      purse: new Gate(1),
      fetches: new Gate(8),
      onFinding: async (finding) => void findings.push(finding),
      misconduct: new Misconduct(network),
      onEvidence: async () => undefined,
      onClaims: async () => undefined,
      metrics: challengerMetrics(createMonitoring('test').registry),
      clock: { now: () => time, sleep: async (ms) => void (time += ms) },
      signal: new AbortController().signal,
      log: createLogger({ name: 'test', level: 'silent' }),
      ...change,
    };
  }

  it('waits for its beacon and finds the one wrong claim among three', async () => {
    const claims = await three();
    const findings: Finding[] = [];
    await checkBatch(batchOf(claims), batchParts(claims, findings));
    expect(findings.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    expect(findings.filter(({ verdict }) => verdict.kind === 'valid')).toHaveLength(2);
    expect(findings.filter(({ verdict }) => verdict.kind === 'invalid').map(({ batched }) => batched)).toMatchObject([claims[1]!]);
  });

  it('is after a restart checked only as far as it was not found right; what is wrong is found again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'assay-right-'));
    const claims = await three();
    const lives: Finding[][] = [[], []];
    for (const findings of lives) await checkBatch(batchOf(claims), batchParts(claims, findings, { right: await RightClaims.open(dir) }));
    expect(lives.map((findings) => findings.map(({ verdict }) => verdict.kind).sort())).toEqual([['invalid', 'valid', 'valid'], ['invalid']]);
    rmSync(dir, { recursive: true });
  });

  it('tries again while data is missing and the window is open, then gives up without accusing', async () => {
    const claims = await three();
    const findings: Finding[] = [];
    let calls = 0;
    const late = async () => (++calls < 3 ? Promise.reject(new AssayError({ code: 'PEER_SILENT' })) : claims);
    await checkBatch(batchOf(claims), batchParts(claims, findings, { fetchClaims: late }));
    expect([calls, findings.length]).toEqual([3, 3]);
    await checkBatch(batchOf(claims), batchParts(claims, findings, { fetchClaims: () => Promise.reject(new AssayError({ code: 'PEER_SILENT' })) }));
    await checkBatch(batchOf(claims), batchParts(claims, findings, { fetchInputs: () => Promise.reject(new AssayError({ code: 'PEER_SILENT' })) }));
    expect(findings).toHaveLength(3);
  });

  it('is asked for together with as many others as may be fetched at once', async () => {
    const claims = await three();
    let [now, most] = [0, 0];
    const fetchClaims = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      return claims;
    };
    const shared = batchParts(claims, [], { fetchClaims, fetches: new Gate(2), onFinding: async () => undefined });
    await Promise.all(Array.from({ length: 6 }, (_, i) => checkBatch({ ...batchOf(claims), batchId: BigInt(i + 1) }, shared)));
    expect(most).toBe(2);
  });

  describe('whose claims are not served', () => {
    /** Claims are served from the given try on; data can be demanded until 16, unasked it is to be served until 4, at 12 in any case: so many times `scale` seconds. */
    async function served(from: number, balance: bigint, { scale = 1n, firstTakesMs = 0 } = {}) {
      const claims = await three();
      const findings: Finding[] = [];
      let [tries, demands] = [0, 0];
      const whole = batchParts(claims, findings);
      const chain = {
        ...whole.chain,
        account: submitter.address,
        batches: { ...whole.chain.batches, epoch: async () => 20n * scale, challengeWindow: async () => 20n * scale } as never,
        requests: { publishWindow: async () => 4n * scale, requestBond: async () => 5n, demandOf: async () => ({ deadline: 0n }), request: async () => Promise.reject(new Error(`demand ${++demands}`)) } as never,
        disputes: { parameters: async () => ({ bond: 5n }) } as never,
        vault: { balanceOf: async () => balance } as never,
      };
      const fetchClaims = async () => {
        if (++tries === 1) await whole.clock.sleep(firstTakesMs, whole.signal);
        if (tries < from) throw new AssayError({ code: 'PEER_SILENT' });
        return claims;
      };
      await checkBatch(batchOf(claims), { ...whole, chain, demands: true, fetchClaims });
      return { tries, demands, checked: findings.length };
    }

    it('pays for nothing before it has asked several times itself', async () => {
      expect(await served(3, 1_000n)).toEqual({ tries: 3, demands: 0, checked: 3 });
    });

    it('does not count what its first try waited for its turn', async () => {
      expect(await served(2, 1_000n, { scale: 10n, firstTakesMs: 35_000 })).toEqual({ tries: 2, demands: 0, checked: 3 });
    });

    it('demands them once, and goes on asking when that is refused', async () => {
      expect(await served(6, 1_000n)).toEqual({ tries: 6, demands: 1, checked: 3 });
    });

    it('demands nothing with what the bonds of four disputes need', async () => {
      expect(await served(6, 24n)).toEqual({ tries: 6, demands: 0, checked: 3 });
      expect(await served(6, 25n)).toEqual({ tries: 6, demands: 1, checked: 3 });
    });
  });

  it('is drawn and checked although the chain is silent when its beacon is due', async () => {
    const claims = await three();
    const findings: Finding[] = [];
    const whole = batchParts(claims, findings);
    let silences = 3;
    const later = <A extends unknown[], T>(ask: (...args: A) => Promise<T>) => (...args: A) => (silences-- > 0 ? Promise.reject(new AssayError({ code: 'CHAIN_UNREACHABLE' })) : ask(...args));
    await checkBatch(batchOf(claims), { ...whole, chain: { ...whole.chain, beacon: later(whole.chain.beacon) } });
    expect(findings.filter(({ verdict }) => verdict.kind === 'invalid')).toHaveLength(1);
  });

  it('is not there if no claims are served, with a code as for wrong ones', async () => {
    const claims = await three();
    expect(() => claimsOfBatch(batchOf(claims), [], network)).toThrow(expect.objectContaining({ code: 'DATA_UNAVAILABLE' }) as never);
    expect(() => claimsOfBatch(batchOf(claims), claims.toReversed().slice(1), network)).toThrow(expect.objectContaining({ code: 'DATA_UNAVAILABLE' }) as never);
  });

  it('is checked although the endpoint that answers does not have it at first', async () => {
    const claims = await three();
    const findings: Finding[] = [];
    const whole = batchParts(claims, findings);
    let behind = 2;
    const batch = async () => (behind-- > 0 ? { root: ZERO_ROOT, committedAt: 0n } : { root: batchOf(claims).root, committedAt: 10n });
    await checkBatch(batchOf(claims), { ...whole, chain: { ...whole.chain, batches: { ...whole.chain.batches, batch, challengeWindow: async () => 5n } as never } });
    expect(findings.filter(({ verdict }) => verdict.kind === 'invalid')).toHaveLength(1);
  });

  it('finds the wrong claim although whoever serves its inputs fails at first, with whatever code', async () => {
    const claims = await three();
    for (const code of ['INTERNAL', 'DATABASE_UNREACHABLE', 'RATE_LIMITED'] as const) {
      const findings: Finding[] = [];
      let calls = 0;
      await checkBatch(batchOf(claims), batchParts(claims, findings, { fetchInputs: async () => (++calls <= 3 ? Promise.reject(new AssayError({ code })) : inputs) }));
      expect(findings.filter(({ verdict }) => verdict.kind === 'invalid')).toHaveLength(1);
    }
  });

  it('is checked but for the one claim whose inputs nobody serves, however few are checked at once', async () => {
    const claims = await three();
    const findings: Finding[] = [];
    const withheld = claimsOfBatch(batchOf(claims), claims, network)[0]!.claim.jobId;
    const fetchInputs = (jobId: Root) => (jobId === withheld ? Promise.reject(new AssayError({ code: 'DATA_UNAVAILABLE' })) : Promise.resolve(inputs));
    const given = batchParts(claims, findings, { gate: new Gate(1), fetchInputs });
    let asked = 0;
    // The window never ends: who waited in the gate for what is withheld would wait for ever.
    const stop = new AbortController();
    const clock = { now: given.clock.now, sleep: async (ms: number) => (await given.clock.sleep(Math.min(ms, 500)), ++asked > 60 ? stop.abort() : undefined) };
    await checkBatch(batchOf(claims), { ...given, clock, signal: stop.signal, chain: { ...given.chain, now: async () => 1n } });
    const checked = findings.filter(({ inputs: had }) => had).map(({ batched }) => batched.claim.jobId);
    expect(checked.sort()).toEqual(claims.map(({ claim }) => claim.jobId).filter((jobId) => jobId !== withheld).sort());
  });

  it('accuses nobody while its node is behind', async () => {
    const claims = await three();
    const findings: Finding[] = [];
    const behind = batchParts(claims, findings, { maxChainLagS: 30 });
    await checkBatch(batchOf(claims), { ...behind, chain: { ...behind.chain, headTime: async () => -100n } });
    expect(findings).toEqual([]);
  });

  it('is drawn by claim for who has a seat, and every run gives evidence, also of a claim that is wrong', async () => {
    const claims = await three();
    const digest = ({ claim }: BatchedClaim) => claimDigest(network, claim);
    const noted = new Map<Root, TracedRun>();
    let completed = 0;
    const runs = { note: async (batched: BatchedClaim, run: TracedRun) => void noted.set(digest(batched), run), complete: async () => void completed++ };
    const base = batchParts(claims, [], { paid: { isSeatedFor: async () => true, open: async () => runs } });
    const half = { ...base.chain, batches: { ...base.chain.batches, sampleRate: async () => 2n ** 31n } };
    await checkBatch(batchOf(claims), { ...base, chain: half });
    const drawn = claims.filter((batched) => isDrawnForClaim(wrongRoot, submitter.address, { claim: digest(batched), rate: 2n ** 31n }));
    expect([...noted.keys()].sort()).toEqual(drawn.map(digest).sort());
    expect(completed).toBe(1);
    noted.clear();
    await checkBatch(batchOf(claims), base);
    const run = await tracedRun(session, inputs);
    expect(run.outputRoot).toBe(outputRoot);
    expect([...noted.values()]).toEqual([run, run, run]);
  });

  it('draws nobody at rate zero, and only what is drawn is fetched', async () => {
    const claims = await three();
    const base = batchParts(claims, []);
    let fetched = 0;
    const none = { ...base.chain, batches: { ...base.chain.batches, sampleRate: async () => 0n } };
    await checkBatch(batchOf(claims), { ...base, chain: none, fetchClaims: async () => (fetched++, claims) });
    expect(fetched).toBe(0);
  });
});

describe('Gate', () => {
  it('lets only so many in at once, in order, and goes on after a failure', async () => {
    const gate = new Gate(2);
    let [running, most] = [0, 0];
    const order: number[] = [];
    const work = (n: number) => gate.run(async () => {
      most = Math.max(most, ++running);
      order.push(n);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
      if (n === 1) throw new Error('no');
    });
    const outcomes = await Promise.allSettled([0, 1, 2, 3, 4].map(work));
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
    expect([most, order]).toEqual([2, [0, 1, 2, 3, 4]]);
  });
});

describe('Misconduct', () => {
  const claimsOf = (...claims: BatchedClaim[]) => claimsOfBatch(batchOf(claims), claims, network);

  it('finds two answers to one job in two batches, with the proof of the one of more weight', async () => {
    const [lesser, greater] = [await batched({ fee: 3n }), await batched({ outputRoot: wrongRoot })];
    for (const [first, second, batchId] of [[lesser, greater, 6n], [greater, lesser, 5n]] as const) {
      const misconduct = new Misconduct(network);
      const [one, two] = [claimsOf(first, await batched({}, 2n), await batched({}, 3n)), claimsOf(await batched({}, 4n), second)];
      expect(misconduct.evidenceIn(5n, one)).toEqual([]);
      const [found, ...more] = misconduct.evidenceIn(6n, two);
      const placed = [...one, ...two].find(({ claim }) => claim.outputRoot === wrongRoot)!;
      const { requestSignature: _, digest: __, ...expected } = placed;
      expect(found).toEqual({ kind: 'equivocation', claim: { ...expected, batchId }, other: expect.objectContaining({ claim: lesser.claim, signature: lesser.signature }) });
      expect(more).toEqual([]);
    }
  });

  it('has nothing against an answer that is in two batches', async () => {
    const misconduct = new Misconduct(network);
    const claims = claimsOf(await batched(), await batched({}, 2n));
    expect([...misconduct.evidenceIn(5n, claims), ...misconduct.evidenceIn(6n, claims)]).toEqual([]);
  });
});
