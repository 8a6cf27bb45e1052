import type { Address, Hex } from 'viem';
import { firstNonCanonicalByte, listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, jobIdOf, type Job, type NetworkId } from '#core/protocol';
import { hasSigned } from '#platform';

export interface JobCheckParts {
  readonly network: NetworkId;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** ERC-1271: what the submitter's contract says; false if there is no contract. */
  readonly contractSigned: (submitter: Address, digest: Root, signature: Hex) => Promise<boolean>;
}

/**
 * What an executor believes nobody about: the job is the one the submitter signed, on this network, for at most this fee,
 * and there is still time.
 * @throws AssayError naming what is wrong
 */
export async function checkJob(job: Job, { network, now, contractSigned }: JobCheckParts): Promise<void> {
  const { request } = job;
  const facts = { jobId: job.jobId };
  if (job.leaseUntil <= now) throw new AssayError({ code: 'LEASE_LOST', facts: { ...facts, leaseUntil: job.leaseUntil, now } });
  // WHY only paid work: running an overturned job again is owed to the submitter, however late.
  if (job.fee > 0n && request.deadline * 1000n <= BigInt(now)) throw new AssayError({ code: 'REQUEST_EXPIRED', facts: { ...facts, deadline: request.deadline, now } });
  const digest = jobIdOf(network, request);
  if (digest !== job.jobId.toLowerCase()) throw new AssayError({ code: 'REQUEST_SIGNATURE_INVALID', message: 'the job id is not the digest of the request on this network', facts: { ...facts, digest } });
  if (job.fee > request.maxFee) throw new AssayError({ code: 'FEE_TOO_LOW', message: 'the fee is above what the submitter signed', facts: { ...facts, fee: job.fee, maxFee: request.maxFee } });
  if (!(await hasSigned(request.submitter, digest, job.requestSignature)) && !(await contractSigned(job.request.submitter, digest, job.requestSignature))) throw new AssayError({ code: 'REQUEST_SIGNATURE_INVALID', facts: { ...facts, submitter: request.submitter } });
}

/**
 * @returns the root of each input
 * @throws AssayError INPUT_ROOT_MISMATCH unless these are the inputs that the submitter signed for
 */
export function checkInputRoot(job: Job, inputs: readonly Tensor[]): Root[] {
  const roots = inputs.map(tensorRoot);
  const root = listRoot(roots);
  if (root !== job.request.inputRoot.toLowerCase()) throw new AssayError({ code: 'INPUT_ROOT_MISMATCH', facts: { jobId: job.jobId, signed: job.request.inputRoot, found: root } });
  return roots;
}

/**
 * Inputs in other than canonical bytes would make the runtime and the contract read different numbers.
 * @throws AssayError TENSOR_DATA_MISMATCH for a NaN other than 0x7fc00000 or a bool other than 0 and 1
 */
export function checkCanonical(inputs: readonly Tensor[]): void {
  for (const [index, tensor] of inputs.entries()) {
    const at = firstNonCanonicalByte(tensor);
    if (at >= 0) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: 'an input is not in canonical bytes', facts: { input: index, dtype: tensor.dtype, byte: at } });
  }
}
