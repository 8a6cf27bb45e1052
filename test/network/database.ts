import type { Address } from 'viem';
import { tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, mayFollow, type JobState } from '#core/protocol';
import type { BatchRecord, ClaimRecord, Fence, JobChange, JobRecord, Landing, NewBatch, NewJob } from '#io/storage';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Job = Mutable<JobRecord> & { leaseToken: bigint };
type Claim = Mutable<ClaimRecord> & { readonly request: JobRecord['request']; readonly requestSignature: JobRecord['signature']; readonly executor: string };
type Batch = Mutable<BatchRecord>;
interface Dispute {
  readonly claimDigest: Root;
  readonly block: bigint;
  state: 'open' | 'upheld' | 'overturned';
}
interface Fenced {
  readonly fence?: Fence | undefined;
}
type Answered = Fenced & { readonly digest: Root; readonly claim: ClaimRecord['claim']; readonly signature: ClaimRecord['signature']; readonly outputs: readonly Tensor[]; readonly now: Date };

const PROMISED: readonly JobState[] = ['accepted', 'assigned', 'answered', 'batched'];
const lower = (address: string) => address.toLowerCase() as Address;

/** The stores of #io/storage in memory: the same methods, conditions and fences, each at one moment. */
export class FakeDatabase {
  readonly rows = { jobs: new Map<Root, Job>(), claims: new Map<Root, Claim>(), batches: new Map<number, Batch>(), disputes: new Map<Root, Dispute>(), tensors: new Map<Root, Tensor>(), roles: new Map<string, { holder: string; token: bigint; until: number }>(), cursors: new Map<string, { block: bigint; hash: string | undefined }>() };
  private readonly listeners = new Set<(change: JobChange) => void>();

  constructor(private readonly now: () => number) {}

  onJobChange(listener: (change: JobChange) => void): void {
    this.listeners.add(listener);
  }

  readonly jobs = {
    accept: (job: NewJob): JobRecord => {
      const known = this.jobs.byNonce(job.request.submitter, job.request.nonce);
      if (known && known.jobId !== job.jobId) throw new AssayError({ code: 'NONCE_REUSED' });
      if (known) return known.state === 'cancelled' ? (this.move(known.jobId, 'accepted', ['cancelled'], { executor: undefined }), this.jobs.byId(job.jobId)!) : known;
      for (const tensor of job.inputs) this.rows.tensors.set(tensorRoot(tensor), tensor);
      const { jobId, request, signature, fee, inputs, now } = job;
      this.rows.jobs.set(jobId, { jobId, request, signature, fee, inputs: inputs.map(tensorRoot), state: 'accepted', executor: undefined, leaseUntil: undefined, tried: [], claimDigest: undefined, failure: undefined, acceptedAt: now, updatedAt: now, leaseToken: 0n });
      this.publish([jobId], 'accepted');
      return this.jobs.byId(jobId)!;
    },
    byId: (jobId: Root): JobRecord | undefined => copied(this.rows.jobs.get(jobId)),
    byNonce: (submitter: string, nonce: bigint): JobRecord | undefined => copied([...this.rows.jobs.values()].find(({ request }) => lower(request.submitter) === lower(submitter) && request.nonce === nonce)),
    waiting: (limit: number): JobRecord[] => this.inStates('accepted', 'overturned').slice(0, limit),
    overdue: (now: Date, limit: number): JobRecord[] => this.inStates('accepted', 'overturned').filter(({ fee, request }) => fee > 0n && Number(request.deadline) * 1000 <= now.getTime()).slice(0, limit),
    leasesExpired: (now: Date, limit: number): JobRecord[] => this.inStates('assigned').filter(({ leaseUntil }) => leaseUntil! < now).slice(0, limit),
    claimants: (jobId: Root): Address[] => [...this.rows.claims.values()].filter(({ claim }) => claim.jobId === jobId).map(({ executor }) => lower(executor)),
    lease: (jobId: Root, { executor, until, now, fence }: Fenced & { executor: Address; until: Date; now: Date }): boolean => this.holds(fence) && this.move(jobId, 'assigned', undefined, { executor: lower(executor), leaseUntil: until, updatedAt: now, leaseToken: fence?.token ?? 0n }),
    release: (jobId: Root, { executor, askAgain, now, fence }: Fenced & { executor: Address; askAgain: boolean; now: Date }): boolean => {
      const job = this.rows.jobs.get(jobId);
      if (!job || job.executor !== lower(executor) || (fence && job.leaseToken !== fence.token)) return false;
      return this.move(jobId, 'accepted', ['assigned'], { executor: undefined, leaseUntil: undefined, updatedAt: now, tried: askAgain ? job.tried : [...job.tried, lower(executor)] });
    },
    reclaim: (fence: Fence, now: Date): number => {
      if (!this.holds(fence)) return 0;
      const old = [...this.rows.jobs.values()].filter(({ state, leaseToken }) => state === 'assigned' && leaseToken < fence.token);
      for (const { jobId } of old) this.move(jobId, 'accepted', ['assigned'], { executor: undefined, leaseUntil: undefined, updatedAt: now });
      return old.length;
    },
    answer: (jobId: Root, { digest, claim, signature, outputs, now, fence }: Answered): boolean => {
      const job = this.rows.jobs.get(jobId);
      if (!job || job.state !== 'assigned' || job.executor !== lower(claim.executor) || job.leaseToken !== (fence?.token ?? 0n)) return false;
      if (this.rows.claims.has(digest)) throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'a claim is stored twice' });
      this.rows.claims.set(digest, { digest, claim, signature, outputs: outputs.map(tensorRoot), batchSeq: undefined, leafIndex: undefined, request: job.request, requestSignature: job.signature, executor: lower(claim.executor) });
      return this.move(jobId, 'answered', ['assigned'], { claimDigest: digest, leaseUntil: undefined, updatedAt: now });
    },
    fail: (jobId: Root, { code, message, now }: { code: string; message: string; now: Date }): boolean => this.move(jobId, 'failed', undefined, { failure: { code, message }, updatedAt: now }),
    expire: (jobId: Root, now: Date): boolean => this.move(jobId, 'expired', undefined, { updatedAt: now }),
  };

  readonly batches = {
    unbatched: (limit: number) => [...this.rows.claims.values()].filter((claim) => claim.batchSeq === undefined && ['answered', 'upheld'].includes(this.jobOf(claim).state) && this.stands(claim)).slice(0, limit).map((claim) => ({ ...claim })),
    fix: ({ root, leaves, totals, charges, now, fence }: NewBatch): BatchRecord => {
      this.requireHeld(fence);
      const claims = leaves.map((digest) => this.rows.claims.get(digest)!);
      if (claims.some((claim) => claim.batchSeq !== undefined || !['answered', 'upheld'].includes(this.jobOf(claim).state))) throw new AssayError({ code: 'STATE_CONFLICT' });
      const seq = Math.max(0, ...this.rows.batches.keys()) + 1 + this.dissolved;
      this.rows.batches.set(seq, { seq, root, count: leaves.length, totals, charges, state: 'fixed', fixedAt: now, nonce: undefined, landing: undefined });
      claims.forEach((claim, i) => Object.assign(claim, { batchSeq: seq, leafIndex: i }));
      for (const claim of claims) this.move(claim.claim.jobId, 'batched', ['answered', 'upheld'], { updatedAt: now });
      return { ...this.rows.batches.get(seq)! };
    },
    intend: (seq: number, nonce: number, fence?: Fence): void => {
      this.requireHeld(fence);
      const batch = this.rows.batches.get(seq);
      if (batch?.state !== 'fixed') throw new AssayError({ code: 'STATE_CONFLICT' });
      batch.nonce = nonce;
    },
    dissolve: (seq: number, now: Date, fence?: Fence): void => {
      this.requireHeld(fence);
      if (this.rows.batches.get(seq)?.state !== 'fixed') throw new AssayError({ code: 'STATE_CONFLICT' });
      this.rows.batches.delete(seq);
      this.dissolved++;
      for (const claim of this.claimsOf(seq)) {
        Object.assign(claim, { batchSeq: undefined, leafIndex: undefined });
        if (this.stands(claim)) this.move(claim.claim.jobId, 'answered', ['batched'], { updatedAt: now });
      }
    },
    forsake: (executor: Address, now: Date, fence?: Fence): Root[] => {
      this.requireHeld(fence);
      const claims = this.batches.unbatched(Infinity).filter((claim) => claim.executor === lower(executor));
      for (const { claim } of claims) this.move(claim.jobId, 'accepted', ['answered', 'upheld'], { executor: undefined, claimDigest: undefined, updatedAt: now, tried: [...this.rows.jobs.get(claim.jobId)!.tried, lower(executor)] });
      return claims.map(({ claim }) => claim.jobId);
    },
    notLanded: (): BatchRecord[] => [...this.rows.batches.values()].filter(({ state }) => state === 'fixed').map((batch) => ({ ...batch })),
    land: (root: Root, landing: Landing, now: Date): boolean => {
      const batch = [...this.rows.batches.values()].find((one) => one.root === root && one.state === 'fixed');
      if (!batch) return false;
      Object.assign(batch, { state: 'landed', landing });
      for (const claim of this.claimsOf(batch.seq)) if (this.stands(claim)) this.move(claim.claim.jobId, 'challengeable', ['batched'], { updatedAt: now });
      return true;
    },
    unland: (block: bigint, now: Date, fence?: Fence): number[] => {
      this.requireHeld(fence);
      const undone = [...this.rows.batches.values()].filter(({ state, landing }) => state === 'landed' && landing!.block >= block);
      for (const batch of undone) {
        Object.assign(batch, { state: 'fixed', landing: undefined });
        for (const claim of this.claimsOf(batch.seq)) if (this.stands(claim)) this.move(claim.claim.jobId, 'batched', ['challengeable'], { updatedAt: now });
      }
      return undone.map(({ seq }) => seq);
    },
    pastWindow: (committedAt: bigint): BatchRecord[] => [...this.rows.batches.values()].filter(({ state, landing }) => state === 'landed' && landing!.committedAt <= committedAt).map((batch) => ({ ...batch })),
    finalize: (seq: number, now: Date): Root[] => {
      const standing = this.claimsOf(seq).filter((claim) => this.stands(claim) && ['challengeable', 'upheld', 'disputed'].includes(this.jobOf(claim).state));
      const over = standing.filter((claim) => this.jobOf(claim).state !== 'disputed');
      for (const claim of over) this.move(claim.claim.jobId, 'final', undefined, { updatedAt: now });
      if (over.length === standing.length) this.rows.batches.get(seq)!.state = 'final';
      return over.map(({ claim }) => claim.jobId);
    },
    promisedBy: (executor: Address) => {
      const open = [...this.rows.claims.values()].filter((claim) => claim.executor === lower(executor) && (claim.batchSeq === undefined || this.rows.batches.get(claim.batchSeq)?.state === 'fixed') && this.jobOf(claim).state !== 'overturned');
      return { insuredValue: open.reduce((sum, { claim }) => sum + claim.insuredValue, 0n), fee: open.reduce((sum, { claim }) => sum + claim.fee, 0n) };
    },
    /** For whoever serves a batch's claims. */
    served: (root: Root | undefined) => [...this.rows.batches.values()].filter((batch) => batch.root === root).flatMap(({ seq }) => this.claimsOf(seq).sort((a, b) => a.leafIndex! - b.leafIndex!).map(({ claim, signature, request, requestSignature }) => ({ claim, signature, request, requestSignature }))),
  };

  readonly disputes = {
    opened: ({ gameId, claimDigest, block, now }: { gameId: Root; claimDigest: Root; block: bigint; now: Date }): void => {
      if (this.rows.disputes.has(gameId)) return;
      this.rows.disputes.set(gameId, { claimDigest, block, state: 'open' });
      const job = this.answeredBy(claimDigest);
      if (job) this.move(job.jobId, 'disputed', undefined, { updatedAt: now });
    },
    ended: (gameId: Root, outcome: 'upheld' | 'overturned', now: Date): void => {
      const dispute = this.rows.disputes.get(gameId);
      if (dispute?.state !== 'open') return;
      dispute.state = outcome;
      const job = this.answeredBy(dispute.claimDigest);
      if (!job || (outcome === 'upheld' && [...this.rows.disputes.values()].some((other) => other.claimDigest === dispute.claimDigest && other.state === 'open'))) return;
      this.move(job.jobId, outcome, undefined, outcome === 'upheld' ? { updatedAt: now } : { fee: 0n, executor: undefined, tried: [...new Set(this.jobs.claimants(job.jobId))], updatedAt: now });
    },
    unopen: (block: bigint, now: Date, fence?: Fence): void => {
      this.requireHeld(fence);
      const gone = [...this.rows.disputes].filter(([, dispute]) => dispute.state === 'open' && dispute.block >= block);
      for (const [gameId] of gone) this.rows.disputes.delete(gameId);
      for (const digest of new Set(gone.map(([, { claimDigest }]) => claimDigest))) {
        const [job, state] = [this.answeredBy(digest), this.stateWithout(digest)];
        if (job && state) this.move(job.jobId, state, ['disputed'], { updatedAt: now });
      }
    },
  };

  readonly tensors = {
    byRoots: (roots: readonly Root[]): Tensor[] => roots.map((root) => this.rows.tensors.get(root) ?? unavailable(root)),
  };

  readonly cursors = {
    read: (name: string) => this.rows.cursors.get(name),
    write: (name: string, block: bigint, { hash, fence }: Fenced & { hash?: string | null } = {}): void => {
      this.requireHeld(fence);
      this.rows.cursors.set(name, { block, hash: hash ?? undefined });
    },
  };

  readonly roles = {
    hold: (role: string, { holder, ttlMs }: { holder: string; ttlMs: number }): Fence | undefined => {
      const row = this.rows.roles.get(role);
      if (row && row.holder !== holder && row.until >= this.now()) return undefined;
      const token = !row ? 1n : row.holder === holder ? row.token : row.token + 1n;
      this.rows.roles.set(role, { holder, token, until: this.now() + ttlMs });
      return { role, token };
    },
    leave: (role: string, holder: string): void => {
      const row = this.rows.roles.get(role);
      if (row?.holder === holder) row.until = 0;
    },
  };

  /** Fees promised and not charged yet. */
  get promised(): bigint {
    return this.inStates(...PROMISED).reduce((sum, { fee }) => sum + fee, 0n);
  }

  private dissolved = 0;

  private inStates(...states: JobState[]): JobRecord[] {
    return [...this.rows.jobs.values()].filter(({ state }) => states.includes(state)).map((job) => copied(job)!);
  }

  private jobOf({ claim }: Claim): Job {
    return this.rows.jobs.get(claim.jobId)!;
  }

  /** Whether it is the job's answer, and not one that was overturned. */
  private stands(claim: Claim): boolean {
    return this.jobOf(claim).claimDigest === claim.digest;
  }

  private answeredBy(digest: Root): Job | undefined {
    return [...this.rows.jobs.values()].find(({ claimDigest }) => claimDigest === digest);
  }

  /** Where the job of a claim is that nobody disputes; undefined while somebody does. */
  private stateWithout(digest: Root): JobState | undefined {
    const others = [...this.rows.disputes.values()].filter(({ claimDigest }) => claimDigest === digest);
    if (others.some(({ state }) => state === 'open')) return undefined;
    if (others.some(({ state }) => state === 'upheld')) return 'upheld';
    const { batchSeq } = this.rows.claims.get(digest)!;
    if (batchSeq === undefined) return 'answered';
    return this.rows.batches.get(batchSeq)!.state === 'fixed' ? 'batched' : 'challengeable';
  }

  private claimsOf(seq: number): Claim[] {
    return [...this.rows.claims.values()].filter(({ batchSeq }) => batchSeq === seq);
  }

  private move(jobId: Root, to: JobState, from: readonly JobState[] | undefined, data: Partial<Job>): boolean {
    const job = this.rows.jobs.get(jobId);
    if (!job || !mayFollow(job.state, to) || (from && !from.includes(job.state))) return false;
    Object.assign(job, data, { state: to });
    this.publish([jobId], to);
    return true;
  }

  private publish(jobIds: readonly Root[], state: JobState): void {
    for (const listener of this.listeners) listener({ jobIds, state });
  }

  private holds(fence: Fence | undefined): boolean {
    return !fence || this.rows.roles.get(fence.role)?.token === fence.token;
  }

  private requireHeld(fence: Fence | undefined): void {
    if (!this.holds(fence)) throw new AssayError({ code: 'STATE_CONFLICT', message: 'another process has taken over' });
  }
}

function copied(job: Job | undefined): JobRecord | undefined {
  return job && { ...job };
}

function unavailable(root: Root): never {
  throw new AssayError({ code: 'DATA_UNAVAILABLE', facts: { root } });
}
