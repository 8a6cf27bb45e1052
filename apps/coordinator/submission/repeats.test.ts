import { expect, it } from 'vitest';
import { privateKeyToAccount } from 'viem/accounts';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { jobIdOf, requestTypedData, VERIFICATION, type NetworkId, type Request } from '#core/protocol';
import type { JobRecord } from '#io/storage';
import { JobFeed } from './job-feed.js';
import { JobsService, type JobsServiceParts } from './jobs.service.js';

const NETWORK: NetworkId = { chainId: 31_337, disputes: `0x${'22'.repeat(20)}` };
const MODEL: Root = `0x${'33'.repeat(32)}`;
const submitter = privateKeyToAccount(`0x${'11'.repeat(32)}`);
const input: Tensor = { dtype: 'float32', dims: [1], data: new Uint8Array(4) };
const given = { ...input, name: 'x' };
const request: Request = { submitter: submitter.address, modelId: MODEL, inputRoot: listRoot([tensorRoot(input)]), maxFee: 1n, insuredValue: 0n, deadline: 2_000n, nonce: 1n, verification: VERIFICATION.optimistic, redundancy: 1 };
const jobId = jobIdOf(NETWORK, request);

/** A coordinator's front door over one job in memory, which says how often it was asked for what. */
function frontDoor() {
  const asked = { deposit: 0, store: 0, byId: 0 };
  const job = { jobId, request, state: 'accepted' } as JobRecord;
  const state = { job };
  const jobs = {
    accept: async () => (asked.store++, (state.job = { ...state.job, state: 'accepted' })),
    byNonce: async () => state.job,
    byId: async () => (asked.byId++, state.job),
    unanswered: async () => new Map(),
    cancel: async () => undefined,
  };
  const nothing = { take: () => {} };
  const parts = {
    acceptance: {
      ...{ network: NETWORK, price: 1n, maxOpenJobs: 10, jobs, gate: { draining: false }, rate: nothing, now: () => 1_000_000 },
      openJobs: async () => new Map(),
      modelById: async () => ({ modelId: MODEL, signature: { inputs: [{ name: 'x', dtype: 'float32', dims: [1] }], outputs: [] } }),
      balanceOf: async () => (asked.deposit++, 10n),
      coverFor: async () => 0n,
      highestCover: async () => undefined,
      contractSigned: async () => false,
    },
    report: { network: NETWORK, storage: { jobs }, proofIn: async () => [] },
    ...{ jobs, callers: nothing, feed: new JobFeed(), metrics: { finished: () => {} }, now: () => 1_000_000, stopping: new AbortController().signal },
  } as unknown as JobsServiceParts;
  return { asked, state, service: new JobsService(parts) };
}

const caller = { peer: 'p', gone: new AbortController().signal };

it('a request that comes again is known by its signature: the chain is not asked and nothing is stored', async () => {
  const { asked, service } = frontDoor();
  const submission = { request, signature: await submitter.signTypedData(requestTypedData(NETWORK, request)), inputs: [given] };
  for (let i = 0; i < 5; i++) await expect(service.submit(submission, 1, caller)).rejects.toMatchObject({ code: 'JOB_PENDING' });
  expect(asked).toMatchObject({ deposit: 1, store: 1 });
});

it('but not if its signature is another, or its job was called off', async () => {
  const { asked, state, service } = frontDoor();
  const signature = await submitter.signTypedData(requestTypedData(NETWORK, request));
  await expect(service.submit({ request, signature, inputs: [given] }, 1, caller)).rejects.toMatchObject({ code: 'JOB_PENDING' });
  await expect(service.submit({ request, signature: `0x${'44'.repeat(65)}`, inputs: [given] }, 1, caller)).rejects.toMatchObject({ code: 'REQUEST_SIGNATURE_INVALID' });
  state.job = { ...state.job, state: 'cancelled' };
  await expect(service.submit({ request, signature, inputs: [given] }, 1, caller)).rejects.toMatchObject({ code: 'JOB_PENDING' });
  expect(asked).toMatchObject({ deposit: 2, store: 2 });
});
