import { readFileSync } from 'node:fs';
import { keccak256, numberToHex } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listRoot, tensorRoot, ZERO_ROOT, type Root, type Tensor } from '#core/hashing';
import { gameIdOf } from '#core/dispute';
import { compileModel, modelPreimage } from '#core/onnx';
import { claimDigest, evidenceClaim, type Claim, type Evidence, type NetworkId } from '#core/protocol';
import type { Accused } from '#io/chain';
import { openSession, type InferenceSession } from '#io/inference';
import { createLogger } from '#platform';
import { tracedRun } from '../checking/traced-run.js';
import { accuseChecker, type AccusingParts } from './accusing.js';
import type { Case } from './cases.js';

const root = (n: number) => keccak256(numberToHex(n));
const network: NetworkId = { chainId: 31337, disputes: `0x${'22'.repeat(20)}` };
const [address, checker, executor] = ['0x00000000000000000000000000000000000000a1', '0x00000000000000000000000000000000000000b1', '0x00000000000000000000000000000000000000c1'] as const;
let session: InferenceSession;
let inputs: Tensor[];
let claim: Claim;
let own: Evidence;

beforeAll(async () => {
  const model = compileModel(readFileSync(new URL('../../../models/mnist/model.onnx', import.meta.url)));
  session = await openSession(model);
  inputs = model.manifest.signature.inputs.map(({ dtype, dims }) => ({ dtype, dims, data: new Uint8Array(4 * 784).fill(60) }));
  const run = await tracedRun(session, inputs);
  claim = { jobId: root(1), modelId: model.manifest.modelId, inputRoot: listRoot(inputs.map(tensorRoot)), outputRoot: run.outputRoot, executor, coordinator: executor, fee: 5n, insuredValue: 6n };
  own = { claim: claimDigest(network, claim), ...run };
});
afterAll(() => session?.close());

/** A challenger that keeps the claim's case, and what it sent. */
function scene(states: ReadonlyMap<Root, Root> = new Map()) {
  const kept = new Map<Root, Case>([[own.claim, { claim, request: {} as never, batchId: 7n, proof: [], inputs }]]);
  const sent: Accused[] = [];
  const parts: AccusingParts = {
    address,
    chain: {
      network,
      disputes: { stateOf: async (gameId: Root) => states.get(gameId) ?? ZERO_ROOT, overturned: async () => false } as never,
      canaries: undefined as never,
      now: async () => 0n,
      checks: { accuse: async (_: bigint, accused: Accused) => (sent.push(accused), { gasUsed: 1n, block: 1n, hash: root(0) }) } as never,
    },
    cases: { find: async (digest) => kept.get(digest), keep: async (digest, one) => void kept.set(digest, one) },
    models: { with: (_, work) => work({ modelId: claim.modelId, session, close: async () => undefined } as never) },
    log: createLogger({ name: 'test', level: 'silent' }),
  };
  return { parts, kept, sent };
}

const shown = (): Evidence => ({ ...own, traceRoot: root(9) });
const found = (mine = own) => ({ batchId: 7n, checker, evidence: [{ ...own, claim: root(2) }, shown()], index: 1, own: mine });

it('accuses of a root that its own run does not have, and keeps what the game needs before it is there', async () => {
  const { parts, kept, sent } = scene();
  const accused = evidenceClaim(claim, { checker, outputRoot: own.outputRoot });
  const digest = claimDigest(network, accused);
  expect(await accuseChecker(found(), parts)).toBe(gameIdOf(digest, address));
  expect(sent).toEqual([{ checker, evidence: found().evidence, index: 1, claim, model: modelPreimage(session.model.manifest) }]);
  expect(kept.get(digest)).toMatchObject({ claim: accused, inputs });
});

it('accuses nobody if its machine contradicts itself, or if it does not know the claim', async () => {
  const unsure = scene();
  expect(await accuseChecker(found({ ...own, traceRoot: root(8) }), unsure.parts)).toBeUndefined();
  const unknown = scene();
  unknown.kept.clear();
  expect(await accuseChecker(found(), unknown.parts)).toBeUndefined();
  expect([unsure.sent, unknown.sent]).toEqual([[], []]);
});

it('sends nothing for a game that is there already', async () => {
  const gameId = gameIdOf(claimDigest(network, evidenceClaim(claim, { checker, outputRoot: own.outputRoot })), address);
  const { parts, sent } = scene(new Map([[gameId, root(3)]]));
  expect(await accuseChecker(found(), parts)).toBe(gameId);
  expect(sent).toEqual([]);
});
