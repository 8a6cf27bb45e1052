import type { Root } from '#core/hashing';
import { hasAnswer, type NetworkId, type Receipt } from '#core/protocol';
import type { JobParts } from '#io/rpc';
import type { ClaimRecord, JobRecord, Storage } from '#io/storage';

export interface JobReportParts {
  readonly network: NetworkId;
  readonly storage: Pick<Storage, 'jobs' | 'batches' | 'tensors'>;
  /** Siblings of a claim in its batch's tree. */
  readonly proofIn: (batchSeq: number, digest: Root) => Promise<Root[]>;
}

/** Everything about a job that its submitter may know. A claim that was overturned is no answer any more. */
export async function reportJob(parts: JobReportParts, job: JobRecord, { withOutputs = false, withInputs = false }: { withOutputs?: boolean; withInputs?: boolean }): Promise<JobParts> {
  const claim = hasAnswer(job.state) ? await parts.storage.jobs.claimOf(job) : undefined;
  const batch = claim?.batchSeq === undefined ? undefined : await parts.storage.batches.bySeq(claim.batchSeq);
  const outputs = claim && withOutputs ? await parts.storage.tensors.byRoots(claim.outputs) : undefined;
  const inputs = withInputs ? await parts.storage.tensors.byRoots(job.inputs) : undefined;
  const receipt = claim && withOutputs ? await receiptOf(parts, { job, claim, batch }) : undefined;
  const { jobId, request, state, fee, acceptedAt, updatedAt, executor, failure } = job;
  return { jobId, state, modelId: request.modelId, submitter: request.submitter, fee, acceptedAt, updatedAt, executor, claim, outputs, inputs, receipt, batchId: batch?.landing?.batchId, failure };
}

interface Answered {
  readonly job: JobRecord;
  readonly claim: ClaimRecord;
  readonly batch: { readonly root: Root; readonly landing: { readonly batchId: bigint } | undefined } | undefined;
}

async function receiptOf({ network, proofIn }: JobReportParts, { job, claim, batch }: Answered): Promise<Receipt> {
  const landed = batch?.landing && claim.batchSeq !== undefined ? { batch: { id: batch.landing.batchId, root: batch.root, proof: await proofIn(claim.batchSeq, claim.digest) } } : {};
  return {
    version: 1,
    network: { chainId: network.chainId, disputes: network.disputes },
    request: { message: job.request, signature: job.signature },
    claim: { message: claim.claim, signature: claim.signature },
    ...landed,
  };
}
