import type { Address, Hex } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, jobIdOf, VERIFICATION, type NetworkId, type Request } from '#core/protocol';
import type { JobRecord, JobStore, ModelRecord } from '#io/storage';
import { hasSigned } from '#platform';
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
  readonly jobs: Pick<JobStore, 'accept' | 'byNonce'>;
  /** Jobs without an answer by submitter in lower case; may be a moment old. */
  readonly openJobs: () => Promise<ReadonlyMap<string, number>>;
  readonly modelById: (modelId: Root) => Promise<ModelRecord | undefined>;
  readonly balanceOf: (submitter: Address) => Promise<bigint>;
  /** What a job takes of its executor's cover: insured value and, by the exposure rule, its fee. */
  readonly coverFor: (job: { readonly insuredValue: bigint; readonly fee: bigint }) => Promise<bigint>;
  /** The highest cover that an executor present could ever give; undefined if none is present. */
  readonly highestCover: () => Promise<bigint | undefined>;
  /** ERC-1271: what the submitter's contract says; false if there is no contract. */
  readonly contractSigned: (submitter: Address, digest: Root, signature: Hex) => Promise<boolean>;
  /** While draining, this process takes no new job. */
  readonly gate: { readonly draining: boolean };
  /** Submissions a second, by submitter. @throws AssayError RATE_LIMITED */
  readonly rate: { take(key: string): void };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A request may not bind the coordinator for longer. */
export const MAX_DEADLINE_SECONDS = 7n * 24n * 3600n;

/** What a caller is told to wait before it tries a full coordinator again. */
const RETRY_AFTER_MS = 1_000;

/**
 * Accepts a job or says why not; what is refused here never reaches an executor. The row is written before this returns.
 * The same request again gives the job there is, whatever has become of prices and deadlines since.
 */
export async function acceptJob(parts: AcceptanceParts, submission: Submission): Promise<JobRecord> {
  const { request, signature } = submission;
  const jobId = jobIdOf(parts.network, request);
  await requireSignature(parts, { request, signature, jobId });
  try {
    return await acceptNew(parts, submission, jobId);
  } catch (refusal) {
    // WHY only now: a job that is known was good when it came; looking for it first would cost every new job a question.
    const known = await parts.jobs.byNonce(request.submitter, request.nonce);
    if (!known) throw refusal;
    if (known.jobId !== jobId) throw new AssayError({ code: 'NONCE_REUSED', facts: { submitter: request.submitter, nonce: request.nonce, jobId: known.jobId } });
    return known;
  }
}

async function acceptNew(parts: AcceptanceParts, { request, signature, inputs: given }: Submission, jobId: Root): Promise<JobRecord> {
  if (parts.gate.draining) throw new AssayError({ code: 'SHUTTING_DOWN', message: 'this coordinator takes no new jobs', facts: { retryAfterMs: RETRY_AFTER_MS }, remedy: 'Ask another coordinator of the network.' });
  requireTime(request, parts.now());
  requireSupported(request);
  const model = await parts.modelById(request.modelId);
  if (!model) throw new AssayError({ code: 'MODEL_UNKNOWN', facts: { modelId: request.modelId } });
  const inputs = checkedInputs(given, model.signature.inputs);
  requireInputRoot(inputs, request.inputRoot);
  requirePrice(parts, request);
  await requireCover(parts, request);
  await requireRoom(parts, request);
  parts.rate.take(request.submitter.toLowerCase());
  const deposit = await parts.balanceOf(request.submitter);
  return parts.jobs.accept({ jobId, request, signature, fee: parts.price, inputs, now: new Date(parts.now()), deposit });
}

async function requireSignature(parts: AcceptanceParts, { request, signature, jobId }: { request: Request; signature: Hex; jobId: Root }): Promise<void> {
  if (await hasSigned(request.submitter, jobId, signature)) return;
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

function requirePrice({ price }: AcceptanceParts, { maxFee }: Request): void {
  if (maxFee < price) throw new AssayError({ code: 'FEE_TOO_LOW', message: `the job costs ${price}, the request allows ${maxFee}`, facts: { price, maxFee } });
}

/** WHY refused: a job that no executor's stake could carry, however idle, would wait until its deadline. */
async function requireCover({ highestCover, coverFor, price: fee }: AcceptanceParts, { insuredValue }: Request): Promise<void> {
  const highest = await highestCover();
  if (highest === undefined) return;
  const needed = await coverFor({ insuredValue, fee });
  if (needed > highest) throw new AssayError({ code: 'INSURED_VALUE_TOO_HIGH', facts: { insuredValue, needed, highest } });
}

/** WHY half for one: whoever fills the queue must leave room for the others. */
async function requireRoom({ openJobs, maxOpenJobs }: AcceptanceParts, { submitter }: Request): Promise<void> {
  const bySubmitter = await openJobs();
  const open = [...bySubmitter.values()].reduce((sum, count) => sum + count, 0);
  const own = bySubmitter.get(submitter.toLowerCase()) ?? 0;
  const limit = Math.ceil(maxOpenJobs / 2);
  if (open >= maxOpenJobs) throw new AssayError({ code: 'QUEUE_FULL', facts: { open, limit: maxOpenJobs, retryAfterMs: RETRY_AFTER_MS } });
  if (own >= limit) throw new AssayError({ code: 'QUEUE_FULL', message: 'this submitter has as many open jobs as one may have', facts: { submitter, open: own, limit, retryAfterMs: RETRY_AFTER_MS } });
}
