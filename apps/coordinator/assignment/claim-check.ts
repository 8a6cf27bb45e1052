import { byteLength, listRoot, tensorRoot, type Root, type Tensor, type TensorHeader } from '#core/hashing';
import { AssayError, claimDigest, claimFault, type Claim, type NetworkId, type Request } from '#core/protocol';
import { hasSigned } from '#platform';
import type { Address, Hex } from 'viem';

export interface AskedFor {
  readonly network: NetworkId;
  readonly jobId: Root;
  readonly request: Request;
  readonly fee: bigint;
  readonly executor: Address;
  readonly coordinator: Address;
  readonly outputs: readonly TensorHeader[];
}

export interface Answered {
  readonly claim: Claim;
  readonly signature: Hex;
  readonly outputs: readonly Tensor[];
}

/**
 * Whether an executor's answer is one to the job it got: every field of the claim, the signature, and that the outputs are the
 * ones claimed. Whether they are right nobody knows yet.
 * @returns the claim's digest
 * @throws AssayError CLAIM_INVALID or CLAIM_SIGNATURE_INVALID
 */
export async function checkClaim(asked: AskedFor, { claim, signature, outputs }: Answered): Promise<Root> {
  const fault = claimFault(asked.request, claim) ?? fieldFault(asked, claim) ?? outputFault(asked.outputs, claim, outputs);
  if (fault !== undefined) throw new AssayError({ code: 'CLAIM_INVALID', message: fault, facts: { jobId: asked.jobId, executor: asked.executor } });
  const digest = claimDigest(asked.network, claim);
  if (!(await hasSigned(asked.executor, digest, signature))) throw new AssayError({ code: 'CLAIM_SIGNATURE_INVALID', facts: { jobId: asked.jobId, executor: asked.executor, digest } });
  return digest;
}

function fieldFault(asked: AskedFor, claim: Claim): string | undefined {
  if (claim.jobId !== asked.jobId) return `the claim is about job ${claim.jobId}`;
  if (claim.executor.toLowerCase() !== asked.executor.toLowerCase()) return `the claim is by ${claim.executor}`;
  if (claim.coordinator.toLowerCase() !== asked.coordinator.toLowerCase()) return `the claim names the coordinator ${claim.coordinator}`;
  if (claim.fee !== asked.fee) return `the claim's fee is ${claim.fee}, agreed were ${asked.fee}`;
  return undefined;
}

function outputFault(specs: readonly TensorHeader[], claim: Claim, outputs: readonly Tensor[]): string | undefined {
  if (outputs.length !== specs.length) return `${outputs.length} outputs instead of ${specs.length}`;
  for (const [i, spec] of specs.entries()) {
    const { dtype, dims, data } = outputs[i]!;
    if (dtype !== spec.dtype || dims.length !== spec.dims.length || dims.some((size, axis) => size !== spec.dims[axis])) return `output ${i} is ${dtype}[${dims}] instead of ${spec.dtype}[${spec.dims}]`;
    if (data.length !== byteLength(spec)) return `output ${i} has ${data.length} bytes instead of ${byteLength(spec)}`;
  }
  return listRoot(outputs.map(tensorRoot)) === claim.outputRoot ? undefined : 'the outputs are not the ones claimed';
}
