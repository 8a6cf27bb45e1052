import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Root } from '#core/hashing';
import { claimDigest } from '#core/protocol';
import { WINDOW, type Cluster } from './cluster.js';

export interface Audit {
  /** Jobs in a state that nothing follows, by state, as the database says. */
  readonly states: Readonly<Record<string, number>>;
  /** Final jobs whose claim no batch on chain holds. */
  readonly missing: number;
  /** Claims in batches on chain beyond one for each final job. */
  readonly twice: number;
  /** What batches on chain charged the submitter, less what the final jobs cost; in the token's smallest unit. */
  readonly overcharged: bigint;
  /** Batches on chain, and those among them that have another's root. */
  readonly batches: number;
  readonly batchesTwice: number;
}

const SETTLED = ['final', 'cancelled', 'failed', 'expired'];
const SETTLE_MS = 240_000;
const AT_ONCE = 8;

/** Waits until nothing can change any more, then counts from the chain's logs, and only what the chain does not know from the database. */
export async function audit(cluster: Cluster): Promise<Audit> {
  await jobsIn(cluster.databaseUrl, ['challengeable', ...SETTLED]);
  await cluster.chain.client.request({ method: 'evm_increaseTime', params: [Number(WINDOW) + 1] } as never);
  const jobs = await jobsIn(cluster.databaseUrl, SETTLED);
  const final = jobs.filter(({ state }) => state === 'final');
  const { claims, charged, roots } = await onChain(cluster);
  const fees = final.reduce((sum, { fee }) => sum + BigInt(fee), 0n);
  return {
    states: Object.fromEntries(SETTLED.map((state) => [state, jobs.filter((job) => job.state === state).length])),
    missing: await missing(cluster, final.map(({ id }) => id)),
    twice: claims - final.length,
    overcharged: charged - fees,
    batches: roots.length,
    batchesTwice: roots.length - new Set(roots).size,
  };
}

interface JobRow {
  readonly id: Root;
  readonly state: string;
  readonly fee: string;
}

/** All jobs, once each is in one of these states. */
async function jobsIn(url: string, states: readonly string[]): Promise<JobRow[]> {
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  try {
    for (const until = Date.now() + SETTLE_MS; ; await sleep(500)) {
      const { rows } = await database.query<JobRow>('SELECT id, state, fee::text AS fee FROM "Job"');
      const open = rows.filter(({ state }) => !states.includes(state));
      if (open.length === 0) return rows;
      if (Date.now() > until) throw new Error(`${open.length} of ${rows.length} jobs do not settle: ${open.slice(0, 5).map(({ id, state }) => `${id} ${state}`).join(', ')}`);
    }
  } finally {
    await database.end();
  }
}

async function onChain({ chain, keys }: Cluster): Promise<{ claims: number; charged: bigint; roots: Root[] }> {
  const submitter = BigInt(keys.account('submitter').address);
  const unit = await chain.batches.unit();
  const sums = { claims: 0, charged: 0n, roots: [] as Root[] };
  for (let id = 1n; id <= (await chain.batches.batchCount()); id++) {
    const { root, count } = await chain.batches.batch(id);
    sums.roots.push(root as Root);
    sums.claims += count;
    for (const word of await chain.batches.chargesOf(id)) if (word >> 96n === submitter) sums.charged += (word & ((1n << 96n) - 1n)) * unit;
  }
  return sums;
}

async function missing({ chain, clients, deployment }: Cluster, jobIds: readonly Root[]): Promise<number> {
  const queue = [...jobIds];
  let count = 0;
  const look = async () => {
    for (let jobId = queue.pop(); jobId; jobId = queue.pop()) {
      const { receipt } = await clients[0]!.job(jobId, { withOutputs: true });
      const digest = receipt && claimDigest({ chainId: deployment.chainId, disputes: deployment.disputes }, receipt.claim.message);
      if (!receipt?.batch || !(await chain.batches.includes(receipt.batch.id, digest!, receipt.batch.proof))) count++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, look));
  return count;
}
