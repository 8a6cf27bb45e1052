import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Root, Tensor } from '#core/hashing';
import { compileModel } from '#core/onnx';
import { answerSchema, claimDigest, claimsPageSchema, jobSchema, subjects, type Answer, type Job, type NetworkId } from '#core/protocol';
import { openTested, type TestedModel } from '#io/inference';
import { decodeMessage, encodeMessage, inboxPrefix, JOB, type Messaging } from '#io/messaging';
import { createLogger, Registry, systemClock } from '#platform';
import { buildRequest, signRequest, type SignedRequest } from '#sdk';
import { PROJECT_ROOT } from '#testing';
import { party, startBroker, type Broker } from '../../../libs/io/messaging/broker.fixture.js';
import { ClaimSigner } from '../claiming/claim-signer.js';
import { ClaimLedger } from '../claiming/ledger.js';
import { JobAnswering } from '../execution/job-answering.js';
import { executorMetrics } from '../execution/metrics.js';
import { balancedAccuracy, chance, logistic, nearest, stump, type Observed } from './classifier.fixture.js';
import { requestAlike } from './planting.js';
import { ServedJobs } from './served-jobs.js';

/** What a coordinator, a challenger or the broker notes of jobs that went over a real broker to a real executor, and back. */

const NETWORK: NetworkId = { chainId: 31337, disputes: `0x${'d1'.repeat(20)}` };
const SEED = 20_261_121;
/** One in 3.5 million for each classifier that tosses a coin. */
const SIGMAS = 5;
const BATCH = 40;
const FEE = 10n ** 15n;

const executor = privateKeyToAccount(generatePrivateKey());
const coordinator = { role: 'coordinator', address: `0x${'c0'.repeat(20)}` } as const;
const dir = mkdtempSync(join(tmpdir(), 'assay-wire-'));
let broker: Broker;
let messaging: Messaging;
let tap: Awaited<ReturnType<Broker['raw']>>;
let model: TestedModel;
let ledger: ClaimLedger;
const served = new ServedJobs();
const planted = new Set<Root>();
/** Answers that a leaky executor has ready. */
const prepared = new Map<Root, Answer>();
const seen: { readonly subject: string; readonly reply: string | undefined; readonly bytes: Uint8Array; readonly at: number }[] = [];

beforeAll(async () => {
  const parties = [{ ...party('coordinator', 1), address: coordinator.address }, { ...party('executor', 2), address: executor.address }] as const;
  broker = await startBroker(parties);
  messaging = await broker.messaging(parties[0]);
  tap = await broker.raw(parties[0]);
  for (const subject of ['assay.job.>', `${inboxPrefix('coordinator', coordinator.address)}.>`]) {
    tap.subscribe(subject, { callback: (_, { subject: at, reply, data }) => void seen.push({ subject: at, reply, bytes: data, at: performance.now() }) });
  }
  await tap.flush();
  model = await openTested(compileModel(readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'))).onnx, { seed: 1 });
  ledger = await ClaimLedger.open(dir);
  const own = await broker.messaging(parties[1]);
  const answering = new JobAnswering({
    ...{ address: executor.address, network: NETWORK, capacity: 4, fault: 'none', faultEvery: 1, ledger, payloads: own.payloads, signer: new ClaimSigner(executor, NETWORK, ledger) },
    ...{ contractSigned: async () => false, metrics: executorMetrics(new Registry()), clock: systemClock, log: createLogger({ name: 'wire', level: 'silent' }) },
    models: { loaded: [], with: async (_, work) => work(model) },
    planter: { isPlanted: (jobId) => planted.has(jobId), note: (entry) => served.note(entry) },
  });
  own.serve(subjects.job(executor.address), JOB, async (job) => prepared.get(job.jobId) ?? answering.answer(job), { maxInFlight: 8 });
  await own.flush();
}, 120_000);

afterAll(async () => {
  await broker?.stop();
  await model?.session.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Not Math.random: the order and the inputs come again with the seed. */
function seeded(seed: number): (limit: number) => number {
  let state = BigInt(seed);
  return (limit) => Number((state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n) >> 33n) % limit;
}

function digit(below: (limit: number) => number): Tensor {
  const pixels = Float32Array.from({ length: 28 * 28 }, () => (below(5) === 0 ? below(256) / 255 : 0));
  return { dtype: 'float32', dims: [1, 1, 28, 28], data: new Uint8Array(pixels.buffer) };
}

interface Asked {
  readonly signed: SignedRequest;
  readonly inputs: readonly Tensor[];
  readonly canary: boolean;
}

const wallet = () => privateKeyToAccount(generatePrivateKey());

async function ordinary(below: (limit: number) => number): Promise<Asked> {
  const [account, inputs] = [wallet(), [digit(below)]];
  const now = BigInt(Math.floor(Date.now() / 1000));
  return { signed: await signRequest(account, NETWORK, buildRequest(account, { modelId: model.session.model.manifest.modelId, inputs, now })), inputs, canary: false };
}

async function canary(below: (limit: number) => number): Promise<Asked> {
  return { ...(await requestAlike(served.pair(below)!, { ledger, submitter: wallet(), network: NETWORK, now: Date.now() })), canary: true };
}

/** One job as the assigner sends it. */
async function send({ signed, inputs, canary: hidden }: Asked): Promise<Root> {
  if (hidden) planted.add(signed.jobId);
  const payload = await messaging.payloads.pack(inputs);
  const job: Job = { jobId: signed.jobId, request: signed.message, requestSignature: signed.signature, coordinator: coordinator.address, fee: FEE, inputs: payload, leaseUntil: Date.now() + 60_000 };
  const answer = await messaging.request(subjects.job(executor.address), JOB, job, { timeoutMs: 60_000 });
  if ('failure' in answer) throw new Error(answer.failure.message);
  return signed.jobId;
}

/** Ordinary jobs and canaries in an order by chance, and what is seen of them. */
async function observe(count: number, make: (below: (limit: number) => number) => Promise<Asked>, below = seeded(SEED)): Promise<Observed[]> {
  if (served.pair(below) === undefined) for (let i = 0; i < 4; i++) await send(await ordinary(below));
  // WHY all before the first is sent: what making one takes is not seen from outside, where a planter waits for a time by chance.
  const jobs: Asked[] = [];
  for (let i = 0; i < count; i++) jobs.push(below(2) === 0 ? await make(below) : await ordinary(below));
  const hidden = new Map(jobs.map(({ signed, canary: is }) => [signed.jobId, is]));
  seen.length = 0;
  for (const job of jobs) await send(job);
  // What the asker has, the tap has once a message of its own has been there and back.
  await tap.flush();
  return features().map(({ jobId, features: of }) => ({ features: of, canary: hidden.get(jobId)! }));
}

/** Sizes of job, answer and served claim; time to the answer and since the message before; the claim's place in its batch, and its leaf. */
function features(): { readonly jobId: Root; readonly features: number[] }[] {
  const answers = new Map(seen.map((message) => [message.subject, message]));
  const jobs = seen.filter(({ subject }) => subject.startsWith('assay.job.')).map((message, i, all) => {
    const job = decodeMessage(jobSchema, message.bytes);
    const reply = answers.get(message.reply!)!;
    const answer = decodeMessage(answerSchema, reply.bytes) as Exclude<Answer, { failure: unknown }>;
    const page = encodeMessage(claimsPageSchema, { total: 1, claims: [{ request: job.request, requestSignature: job.requestSignature, claim: answer.claim, signature: answer.signature }] });
    const digest = claimDigest(NETWORK, answer.claim);
    return { jobId: job.jobId, digest, of: [message.bytes.length, reply.bytes.length, page.length, Math.log(reply.at - message.at), Math.log(message.at - (all[i - 1]?.at ?? message.at - 1)), Number(BigInt(digest) >> 204n)] };
  });
  return jobs.map(({ jobId, digest, of }, i) => {
    const batch = jobs.slice(i - (i % BATCH), i - (i % BATCH) + BATCH);
    const tree = StandardMerkleTree.of(batch.map((one) => [one.digest]), ['bytes32']);
    const place = batch.map((one) => one.digest).sort().indexOf(digest);
    return { jobId, features: [...of, place, tree.getProof(i % BATCH).length] };
  });
}

/** Trains on one half, guesses the other; by how many standard deviations each is better than a coin. */
function advantages(observed: readonly Observed[]): Record<string, number> {
  const [training, test] = [observed.filter((_, i) => i % 2 === 0), observed.filter((_, i) => i % 2 === 1)];
  const one = (classifier: (features: readonly number[]) => number) => (balancedAccuracy(classifier, test) - 0.5) / chance(test);
  return { logistic: one(logistic(training)), nearest: one(nearest(training)), stump: one(stump(training)) };
}

it('canaries cannot be told from other jobs by the sizes and times of their messages, nor by their leaves', async () => {
  const observed = await observe(520, canary);
  const found = advantages(observed);
  console.log(`seed ${SEED}, ${observed.length} jobs: advantage in standard deviations`, found);
  for (const [name, advantage] of Object.entries(found)) expect(advantage, name).toBeLessThan(SIGMAS);
}, 240_000);

it('the same classifiers tell a planter that numbers its nonces, and one that answers without running', async () => {
  let nonce = 1n;
  const numbered = await observe(160, async (below) => {
    const { signed, inputs } = await canary(below);
    const account = wallet();
    return { signed: await signRequest(account, NETWORK, { ...signed.message, submitter: account.address, nonce: nonce++ }), inputs, canary: true };
  });
  const ready = await observe(160, async (below) => {
    const asked = await canary(below);
    const { claim, signature } = (await ledger.find(served.pair(below)![0].claim.jobId))!;
    prepared.set(asked.signed.jobId, { claim: { ...claim, jobId: asked.signed.jobId }, signature, outputs: await messaging.payloads.pack([{ dtype: 'float32', dims: [1, 10], data: new Uint8Array(40) }]) });
    return asked;
  });
  const found = { numbered: advantages(numbered), ready: advantages(ready) };
  console.log(`seed ${SEED}: advantage in standard deviations`, found);
  for (const by of Object.values(found)) expect(Math.max(...Object.values(by))).toBeGreaterThan(SIGMAS);
}, 240_000);
