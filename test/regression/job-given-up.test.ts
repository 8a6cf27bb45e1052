import { numberToHex } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { expect, it } from 'vitest';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, claimTypedData, jobIdOf, PRESENCE_INTERVAL_MS, PROTOCOL_VERSION, requestTypedData, type Claim, type Job, type Request } from '#core/protocol';
import { createLogger } from '#platform';
import { Assigner } from '../../apps/coordinator/assignment/assigner.js';
import { PresenceBoard } from '../../apps/coordinator/assignment/presence-board.js';
import { NETWORK } from '../network/contracts.js';
import { FakeDatabase } from '../network/database.js';
import { MODEL, outputsOf } from '../network/model.js';
import { VirtualTime } from '../network/time.js';

/**
 * Found by network 996 of a thousand. Two executors had signed claims for a job, which were lost on their way; a third one lied about it and
 * was convicted. The job was owed now, for nothing, and the two, who sign one claim for a job, could not answer it any more: it was
 * given up. So was, in a network of five executors or more, a job with which the coordinator's own link to the broker broke.
 */
const FEE = 10n ** 15n;
const LEASE_MS = 5_000;
const key = (number: number) => privateKeyToAccount(numberToHex(BigInt(number + 1), { size: 32 }));
const [COORDINATOR, SUBMITTER, ...EXECUTORS] = Array.from({ length: 9 }, (_, i) => key(i)) as [PrivateKeyAccount, PrivateKeyAccount, ...PrivateKeyAccount[]];
const INPUT: Tensor = { dtype: 'float32', dims: [1, 4], data: new Uint8Array(16) };
const { manifest } = MODEL;

interface Scene {
  readonly executors: readonly PrivateKeyAccount[];
  /** What goes wrong when that executor is asked for the nth time in all, at that second; undefined for the right answer. */
  readonly fault: (executor: string, at: { readonly count: number; readonly second: number }) => AssayError | undefined;
  readonly seconds: number;
  /** Answered wrong by this one, which was found out, before everything else. */
  readonly liar?: PrivateKeyAccount;
}

async function claimOf(job: Pick<Job, 'jobId' | 'request' | 'fee'>, executor: PrivateKeyAccount) {
  const outputs = outputsOf([INPUT]);
  const { modelId, inputRoot, insuredValue } = job.request;
  const claim: Claim = { jobId: job.jobId, modelId, inputRoot, outputRoot: listRoot(outputs.map(tensorRoot)), executor: executor.address, coordinator: COORDINATOR.address, fee: job.fee, insuredValue };
  return { claim, signature: await executor.signTypedData(claimTypedData(NETWORK, claim)), outputs };
}

async function accepted(database: FakeDatabase, now: Date): Promise<Root> {
  const request: Request = { submitter: SUBMITTER.address, modelId: manifest.modelId, inputRoot: listRoot([tensorRoot(INPUT)]), maxFee: FEE, insuredValue: 0n, deadline: BigInt(Math.floor(now.getTime() / 1000) + 600), nonce: 1n, verification: 0, redundancy: 1 };
  const jobId = jobIdOf(NETWORK, request);
  database.jobs.accept({ jobId, request, signature: await SUBMITTER.signTypedData(requestTypedData(NETWORK, request)), fee: FEE, inputs: [INPUT], now });
  return jobId;
}

/** As a lie that was batched, disputed and overturned leaves it. */
async function overturn(database: FakeDatabase, jobId: Root, { liar, now }: { liar: PrivateKeyAccount; now: Date }): Promise<void> {
  const digest: Root = numberToHex(7n, { size: 32 });
  database.jobs.lease(jobId, { executor: liar.address, until: new Date(now.getTime() + LEASE_MS), now });
  database.jobs.answer(jobId, { digest, ...(await claimOf(database.jobs.byId(jobId)!, liar)), now });
  database.disputes.opened({ gameId: digest, claimDigest: digest, block: 1n, now });
  database.disputes.ended(digest, 'overturned', now);
}

/** An assigner with one job, played in virtual time. @returns the job at the end, and how often executors were asked */
async function played({ executors, fault, seconds, liar }: Scene) {
  const time = new VirtualTime();
  const began = time.now;
  const database = new FakeDatabase(() => time.now);
  const board = new PresenceBoard(() => time.now);
  const jobId = await accepted(database, new Date(began));
  if (liar) await overturn(database, jobId, { liar, now: new Date(began) });
  let asked = 0;
  const undo = time.install();
  try {
    const ask = async (executor: string, job: Omit<Job, 'inputs'>) => {
      const error = fault(executor.toLowerCase(), { count: ++asked, second: (time.now - began) / 1000 });
      if (error?.code === 'PEER_SILENT') await time.sleep(job.leaseUntil - time.now);
      if (error) throw error;
      return claimOf(job, executors.find(({ address }) => address.toLowerCase() === executor.toLowerCase())!);
    };
    const stakes = { costOf: async () => 1n, coverOf: async () => 10n, spend: () => undefined };
    const parts = { network: NETWORK, coordinator: COORDINATOR.address, leaseMs: LEASE_MS, jobs: database.jobs, modelById: async () => manifest, inputsOf: async () => [INPUT], stakes, ask, callOff: () => undefined, board, now: () => time.now };
    const assigner = new Assigner({ ...parts, log: createLogger({ name: 'regression', level: 'silent' }) } as never);
    database.onJobChange((change) => assigner.note(change));
    setInterval(() => executors.forEach(({ address }) => board.note({ protocol: PROTOCOL_VERSION, role: 'executor', address, version: 'test', profile: manifest.profile, models: [], capacity: 1, running: 0 })), PRESENCE_INTERVAL_MS);
    assigner.start();
    await time.until(() => ['answered', 'failed', 'expired'].includes(database.jobs.byId(jobId)!.state), seconds * 1000);
    return { job: database.jobs.byId(jobId)!, asked };
  } finally {
    undo();
  }
}

const silent = () => new AssayError({ code: 'PEER_SILENT' });
const broken = () => new AssayError({ code: 'EXECUTION_FAILED', message: 'broken' });
const signedAnother = () => new AssayError({ code: 'STATE_CONFLICT' });

it('a job that nobody answers while the coordinator’s link is down is answered when it is up again', async () => {
  const { job, asked } = await played({ executors: EXECUTORS, fault: (_, { second }) => (second < 200 ? silent() : undefined), seconds: 400 });
  expect(job.state).toBe('answered');
  expect(asked).toBeGreaterThan(EXECUTORS.length);
});

it('a job that executors say five times they cannot do is given up, however many were silent before', async () => {
  const { job, asked } = await played({ executors: EXECUTORS, fault: (_, { count }) => (count <= 6 ? silent() : broken()), seconds: 400 });
  expect(job).toMatchObject({ state: 'failed', failure: { code: 'JOB_FAILED' } });
  expect(asked).toBe(6 + 5);
});

it('a job that nobody ever answers expires, and is tried ever less often until then', async () => {
  const { job, asked } = await played({ executors: EXECUTORS, fault: silent, seconds: 700 });
  expect(job.state).toBe('expired');
  expect(asked).toBeLessThan(40);
});

it('a job that is owed waits for somebody who has not signed another claim for it', async () => {
  const [liar, first, second, newcomer] = EXECUTORS;
  const others = [first!, second!].map(({ address }) => address.toLowerCase());
  const conflicting = (executor: string) => (others.includes(executor) ? signedAnother() : undefined);
  const stuck = await played({ executors: [liar!, first!, second!], liar: liar!, fault: conflicting, seconds: 3_600 });
  expect(['accepted', 'assigned']).toContain(stuck.job.state);
  const helped = await played({ executors: [liar!, first!, second!, newcomer!], liar: liar!, fault: (executor, { second: at }) => conflicting(executor) ?? (at < 100 ? silent() : undefined), seconds: 400 });
  expect(helped.job).toMatchObject({ state: 'answered', fee: 0n, executor: newcomer!.address.toLowerCase() });
});
