import type { Address, Hex } from 'viem';
import type { Root } from '#core/hashing';
import type { Claim, JobState, Request } from '#core/protocol';
import { readCharges, readRequest, readTotals, wei, type Charge, type ExecutorTotal } from './codec.js';
import type { Batch as BatchRow, Claim as ClaimRow, Job as JobRow } from './generated/client.js';

/** A job as the other rooms see it. */
export interface JobRecord {
  readonly jobId: Root;
  readonly request: Request;
  readonly signature: Hex;
  readonly fee: bigint;
  /** Tensor roots in signature order. */
  readonly inputs: readonly Root[];
  readonly state: JobState;
  readonly executor: Address | undefined;
  readonly leaseUntil: Date | undefined;
  readonly tried: readonly Address[];
  readonly claimDigest: Root | undefined;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  readonly acceptedAt: Date;
  readonly updatedAt: Date;
}

export interface ClaimRecord {
  readonly digest: Root;
  readonly claim: Claim;
  readonly signature: Hex;
  readonly outputs: readonly Root[];
  readonly batchSeq: number | undefined;
  readonly leafIndex: number | undefined;
}

export type BatchState = 'fixed' | 'landed' | 'final';

export interface BatchRecord {
  readonly seq: number;
  readonly root: Root;
  readonly count: number;
  readonly totals: readonly ExecutorTotal[];
  readonly charges: readonly Charge[];
  readonly state: BatchState;
  readonly fixedAt: Date;
  /** The transaction number that its commit has or had; undefined before the first attempt. */
  readonly nonce: number | undefined;
  /** Where it is on chain; undefined until it has landed. */
  readonly landing: Landing | undefined;
}

export interface Landing {
  readonly batchId: bigint;
  readonly transaction: Hex;
  readonly block: bigint;
  /** Seconds since 1970, chain time. */
  readonly committedAt: bigint;
}

export function jobRecord(row: JobRow): JobRecord {
  return {
    jobId: row.id as Root,
    request: readRequest(row.request),
    signature: row.signature as Hex,
    fee: wei(row.fee),
    inputs: row.inputs as Root[],
    state: row.state,
    executor: (row.executor as Address | null) ?? undefined,
    leaseUntil: row.leaseUntil ?? undefined,
    tried: row.tried as Address[],
    claimDigest: (row.claimDigest as Root | null) ?? undefined,
    failure: row.failureCode === null ? undefined : { code: row.failureCode, message: row.failureMessage ?? '' },
    acceptedAt: row.acceptedAt,
    updatedAt: row.updatedAt,
  };
}

/** What a claim shares with its request is stored once, with the job. */
export function claimRecord(row: ClaimRow, request: Pick<Request, 'modelId' | 'inputRoot'>): ClaimRecord {
  return {
    digest: row.digest as Root,
    claim: {
      jobId: row.jobId as Root,
      modelId: request.modelId,
      inputRoot: request.inputRoot,
      outputRoot: row.outputRoot as Root,
      executor: row.executor as Address,
      coordinator: row.coordinator as Address,
      fee: wei(row.fee),
      insuredValue: wei(row.insured),
    },
    signature: row.signature as Hex,
    outputs: row.outputs as Root[],
    batchSeq: row.batchSeq ?? undefined,
    leafIndex: row.leafIndex ?? undefined,
  };
}

export function batchRecord(row: BatchRow): BatchRecord {
  const { chainId, transaction, committedBlock, committedAt } = row;
  const landed = chainId !== null && transaction !== null && committedBlock !== null && committedAt !== null;
  return {
    seq: row.seq,
    root: row.root as Root,
    count: row.count,
    totals: readTotals(row.totals),
    charges: readCharges(row.charges),
    state: row.state,
    fixedAt: row.fixedAt,
    nonce: row.nonce ?? undefined,
    landing: landed ? { batchId: chainId, transaction: transaction as Hex, block: committedBlock, committedAt } : undefined,
  };
}
