import type { Address, Hex } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, isSignedBy, jobIdOf, VERIFICATION, type NetworkId, type Request } from '#core/protocol';
import type { JobRecord, JobStore, ModelRecord } from '#io/storage';
import { checkedInputs, requireInputRoot, type GivenTensor } from './tensor-checks.js';

export interface Submission {
  readonly request: Request;
  readonly signature: Hex;
  readonly inputs: readonly GivenTensor[];
}

/** What accepting a job needs from the world. */
export interface AcceptanceParts {
  readonly network: NetworkId;
  readonly price: bigint;
  readonly maxOpenJobs: number;
  readonly jobs: Pick<JobStore, 'accept' | 'byNonce' | 'unchargedFees'>;
  /** Jobs without an answer; may be a moment old. */
  readonly openJobs: () => Promise<number>;
  readonly modelById: (modelId: Root) => Promise<ModelRecord | undefined>;
  readonly balanceOf: (submitter: Address) => Promise<bigint>;
  /** ERC-1271: what the submitter's contract says; false if there is no contract. */
  readonly contractSigned: (submitter: Address, digest: Root, signature: Hex) => Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A request may not bind the coordinator for longer. */
export const MAX_DEADLINE_SECONDS = 7n * 24n * 3600n;

/**
 * Accepts a job or says why not; what is refused here never reaches an executor. The row is written before this returns.
 * The same request again gives the job there is, whatever has become of prices and deadlines since.
 */
export async function acceptJob(parts: AcceptanceParts, submission: Submission): Promise<JobRecord> {
  const { request, signature } = submission;
  const jobId = jobIdOf(parts.network, request);
  await requireSignature(parts, { request, signature, jobId });
  const known = await parts.jobs.byNonce(request.submitter, request.nonce);
  if (known?.jobId === jobId) return known;
  if (known) throw new AssayError({ code: 'NONCE_REUSED', facts: { submitter: request.submitter, nonce: request.nonce, jobId: known.jobId } });
  requireTime(request, parts.now());
  requireSupported(request);
  const model = await parts.modelById(request.modelId);
  if (!model) throw new AssayError({ code: 'MODEL_UNKNOWN', facts: { modelId: request.modelId } });
  const inputs = checkedInputs(submission.inputs, model.signature.inputs);
  requireInputRoot(inputs, request.inputRoot);
  await requireFunds(parts, request);
  await requireRoom(parts);
  return parts.jobs.accept({ jobId, request, signature, fee: parts.price, inputs, now: new Date(parts.now()) });
}

async function requireSignature(parts: AcceptanceParts, { request, signature, jobId }: { request: Request; signature: Hex; jobId: Root }): Promise<void> {
  if (await isSignedBy(request.submitter, jobId, signature)) return;
  if (await parts.contractSigned(request.submitter, jobId, signature)) return;
  throw new AssayError({ code: 'REQUEST_SIGNATURE_INVALID', facts: { submitter: request.submitter, digest: jobId, chainId: parts.network.chainId, disputes: parts.network.disputes } });
}

function requireTime({ deadline }: Request, nowMs: number): void {
  const now = BigInt(Math.floor(nowMs / 1000));
  if (deadline <= now) throw new AssayError({ code: 'REQUEST_EXPIRED', message: `the deadline passed ${now - deadline} seconds ago`, facts: { deadline, now } });
  if (deadline > now + MAX_DEADLINE_SECONDS) throw new AssayError({ code: 'REQUEST_EXPIRED', message: 'the deadline is further away than allowed', facts: { deadline, now, latest: now + MAX_DEADLINE_SECONDS } });
}

function requireSupported({ verification, redundancy }: Request): void {
  if (verification === VERIFICATION.optimistic && redundancy === 1) return;
  throw new AssayError({ code: 'VERIFICATION_UNSUPPORTED', facts: { verification, redundancy, supported: 'optimistic (0) with redundancy 1' } });
}

async function requireFunds({ price, jobs, balanceOf }: AcceptanceParts, { submitter, maxFee }: Request): Promise<void> {
  if (maxFee < price) throw new AssayError({ code: 'FEE_TOO_LOW', message: `the job costs ${price}, the request allows ${maxFee}`, facts: { price, maxFee } });
  const [deposit, promised] = await Promise.all([balanceOf(submitter), jobs.unchargedFees(submitter)]);
  if (deposit >= promised + price) return;
  throw new AssayError({ code: 'DEPOSIT_TOO_LOW', message: `the deposit of ${deposit} does not cover ${price} beside ${promised} already promised`, facts: { submitter, deposit, promised, price, missing: promised + price - deposit } });
}

async function requireRoom({ openJobs, maxOpenJobs }: AcceptanceParts): Promise<void> {
  const open = await openJobs();
  if (open >= maxOpenJobs) throw new AssayError({ code: 'QUEUE_FULL', facts: { open, limit: maxOpenJobs } });
}
