import type { Hex } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { formatReceipt, type AssayError, type Claim, type Receipt, type Request } from '#core/protocol';
import type { BatchSummary, DisputeSummary, FaultMessage, JobView, ModelView, NetworkParameters, NetworkStatus, StakedPeer } from './messages.js';

/** What a job's message is made of; parts that do not exist yet are left out. */
export interface JobParts extends Omit<JobView, 'outputs' | 'inputs' | 'receipt' | 'failureCode' | 'failureMessage' | 'claim' | 'claimSignature' | 'executor' | 'batchId'> {
  readonly executor?: string | undefined;
  readonly claim?: { readonly claim: Claim; readonly signature: Hex } | undefined;
  readonly outputs?: readonly Tensor[] | undefined;
  readonly inputs?: readonly Tensor[] | undefined;
  readonly receipt?: Receipt | undefined;
  readonly batchId?: bigint | undefined;
  readonly failure?: { readonly code: string; readonly message: string } | undefined;
}

export function encodeTensor({ dtype, dims, data }: Tensor) {
  return { dtype, dims: dims.map(String), data };
}

export function encodeRequest(request: Request) {
  return { ...request, maxFee: String(request.maxFee), insuredValue: String(request.insuredValue), deadline: String(request.deadline), nonce: String(request.nonce) };
}

export function encodeClaim(claim: Claim) {
  return { ...claim, fee: String(claim.fee), insuredValue: String(claim.insuredValue) };
}

export function encodeJob(job: JobParts) {
  return {
    jobId: job.jobId,
    state: job.state,
    modelId: job.modelId,
    submitter: job.submitter,
    fee: String(job.fee),
    acceptedAt: String(job.acceptedAt.getTime()),
    updatedAt: String(job.updatedAt.getTime()),
    executor: job.executor ?? '',
    claim: job.claim && encodeClaim(job.claim.claim),
    claimSignature: job.claim?.signature ?? '',
    outputs: (job.outputs ?? []).map(encodeTensor),
    receipt: job.receipt ? formatReceipt(job.receipt) : '',
    batchId: String(job.batchId ?? 0n),
    failureCode: job.failure?.code ?? '',
    failureMessage: job.failure?.message ?? '',
    inputs: (job.inputs ?? []).map(encodeTensor),
  };
}

export function encodeModel(model: ModelView) {
  const spec = ({ name, dtype, dims }: ModelView['inputs'][number]) => ({ name, dtype, dims: dims.map(String) });
  return {
    modelId: model.modelId,
    names: model.names,
    bytes: String(model.bytes),
    profile: model.profile,
    inputs: model.inputs.map(spec),
    outputs: model.outputs.map(spec),
    registeredAt: String(model.registeredAt.getTime()),
  };
}

export function encodeStatus(status: NetworkStatus) {
  const { chainId, price, batchesRecent, ...rest } = status;
  return { ...rest, chainId: String(chainId), price: String(price), batchesRecent: batchesRecent.map(encodeBatch) };
}

export function encodeBatch({ batchId, root, count, state, transaction }: BatchSummary) {
  return { batchId: String(batchId), root, count, state, transaction: transaction ?? '' };
}

export function encodePeer({ peer, stake, exposure }: StakedPeer) {
  return { peer, stake: String(stake), exposure: String(exposure) };
}

export function encodeDispute({ openedBlock, jobId, ...dispute }: DisputeSummary) {
  return { ...dispute, openedBlock: String(openedBlock), jobId: jobId ?? '' };
}

export function encodeParameters({ price, maxModelBytes, maxMessageBytes, maxDeadlineSeconds, ...rest }: NetworkParameters) {
  return { ...rest, price: String(price), maxModelBytes: String(maxModelBytes), maxMessageBytes: String(maxMessageBytes), maxDeadlineSeconds: String(maxDeadlineSeconds) };
}

/** An error inside of a message; where a call answers many, it cannot be the call's status. */
export function encodeFault(error: AssayError): FaultMessage {
  const { code, message, facts, remedy, page } = error.toJSON();
  return { code, message, facts: JSON.stringify(facts), remedy, page };
}

/** By id, or by name. */
export type ModelReference = { readonly modelId: Root } | { readonly name: string };

export function encodeModelReference(reference: ModelReference) {
  return 'modelId' in reference ? { modelId: reference.modelId, name: '' } : { modelId: '', name: reference.name };
}
