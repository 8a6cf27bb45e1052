import type { Root, Tensor } from '#core/hashing';
import { claimDigest, type Claim, type Job, type NetworkId } from '#core/protocol';
import type { DigestSigner } from '#platform';
import type { RunKind } from '../config.js';
import type { ClaimLedger, LedgerEntry } from './ledger.js';

/** What was run, and what came out. */
export interface Executed {
  readonly job: Job;
  readonly inputs: readonly Tensor[];
  /** Of each input, as computed from its bytes. */
  readonly inputRoots: readonly Root[];
  readonly outputRoot: Root;
  readonly fault: RunKind;
}

/** Signs claims and writes each down before it leaves. */
export class ClaimSigner {
  constructor(
    private readonly account: DigestSigner,
    private readonly network: NetworkId,
    private readonly ledger: Pick<ClaimLedger, 'record'>,
  ) {}

  /** @throws AssayError STATE_CONFLICT if another claim for the job was signed before */
  async sign({ job, inputs, inputRoots, outputRoot, fault }: Executed): Promise<LedgerEntry> {
    const claim: Claim = {
      jobId: job.jobId,
      modelId: job.request.modelId,
      inputRoot: job.request.inputRoot,
      outputRoot,
      executor: this.account.address,
      coordinator: job.coordinator,
      fee: job.fee,
      insuredValue: job.request.insuredValue,
    };
    const signature = await this.account.sign({ hash: claimDigest(this.network, claim) });
    return this.ledger.record({ claim, signature, request: job.request, fault }, inputs, inputRoots);
  }
}
