import pg from 'pg';
import { createPublicClient, http, type Address, type PublicClient } from 'viem';
import { decodeHeader, listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import type { CanonicalModel } from '#core/onnx';
import { claimDigest, type NetworkId } from '#core/protocol';
import { parseEvents, type ChainEvent, type Deployment } from '#io/chain';
import { openSession } from '#io/inference';

export type EventOf<N extends ChainEvent['eventName']> = Extract<ChainEvent, { eventName: N }>;

/** A claim as the database has it, its digest computed here. */
export interface StoredClaim {
  readonly digest: Root;
  readonly jobId: Root;
  readonly executor: Address;
  readonly submitter: Address;
  readonly fee: bigint;
  readonly outputRoot: Root;
  readonly inputs: readonly Root[];
  readonly batchRoot: Root | null;
  /** This claim is the one that answers its job. */
  readonly stands: boolean;
}

export interface StoredJob {
  readonly jobId: Root;
  readonly submitter: Address;
  readonly state: string;
  readonly failure: string | null;
}

/** Everything an auditor needs, read from the chain's logs and the database's tables and from nothing else. */
export interface Evidence {
  readonly events: readonly ChainEvent[];
  readonly client: PublicClient;
  readonly jobs: ReadonlyMap<Root, StoredJob>;
  readonly claims: readonly StoredClaim[];
  /** Output root that this machine computes, by list of input roots. */
  readonly truth: (inputs: readonly Root[]) => Root;
}

export interface Places {
  readonly rpcUrl: string;
  readonly databaseUrl: string;
  readonly deployment: Deployment;
  readonly model: CanonicalModel;
}

const RANGE = 5_000n;

export async function gather({ rpcUrl, databaseUrl, deployment, model }: Places): Promise<Evidence> {
  const client = createPublicClient({ transport: http(rpcUrl) });
  const events = await allEvents(client, deployment);
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    const jobs = await database.query<{ id: Root; submitter: Address; state: string; failureCode: string | null }>('SELECT id, submitter, state, "failureCode" FROM "Job"');
    const claims = await readClaims(database, deployment);
    const truth = await truthOf(database, claims, model);
    return { events, client, claims, truth, jobs: new Map(jobs.rows.map(({ id, submitter, state, failureCode }) => [id, { jobId: id, submitter, state, failure: failureCode }])) };
  } finally {
    await database.end();
  }
}

export async function allEvents(client: PublicClient, deployment: Deployment): Promise<ChainEvent[]> {
  const { vault, batches, disputes, charges, requests, deployedBlock } = deployment;
  const events: ChainEvent[] = [];
  const head = await client.getBlockNumber({ cacheTime: 0 });
  for (let fromBlock = BigInt(deployedBlock); fromBlock <= head; fromBlock += RANGE) {
    const toBlock = fromBlock + RANGE - 1n < head ? fromBlock + RANGE - 1n : head;
    events.push(...parseEvents(await client.getLogs({ address: [vault, batches, disputes, charges, requests], fromBlock, toBlock })));
  }
  return events;
}

interface ClaimRow {
  readonly jobId: Root;
  readonly executor: Address;
  readonly coordinator: Address;
  readonly outputRoot: Root;
  readonly fee: string;
  readonly insured: string;
  readonly digest: Root;
  readonly root: Root | null;
  readonly modelId: Root;
  readonly submitter: Address;
  readonly inputs: Root[];
  readonly standing: Root | null;
}

async function readClaims(database: pg.Client, deployment: Deployment): Promise<StoredClaim[]> {
  const network: NetworkId = { chainId: deployment.chainId, disputes: deployment.disputes };
  const { rows } = await database.query<ClaimRow>(`
    SELECT c."jobId", c.executor, c.coordinator, c."outputRoot", c.fee::text, c.insured::text, c.digest, b.root, j."modelId", j.submitter, j.inputs, j."claimDigest" AS standing
    FROM "Claim" c JOIN "Job" j ON j.id = c."jobId" LEFT JOIN "Batch" b ON b.seq = c."batchSeq"`);
  return rows.map((row) => {
    const { jobId, executor, coordinator, outputRoot, modelId, submitter, inputs } = row;
    const [fee, insuredValue] = [BigInt(row.fee), BigInt(row.insured)];
    const digest = claimDigest(network, { jobId, modelId, inputRoot: listRoot(inputs), outputRoot, executor, coordinator, fee, insuredValue });
    return { digest, jobId, executor, submitter, fee, outputRoot, inputs, batchRoot: row.root, stands: row.standing === digest };
  });
}

/** Runs every job once more, in this process. */
async function truthOf(database: pg.Client, claims: readonly StoredClaim[], model: CanonicalModel): Promise<Evidence['truth']> {
  const session = await openSession(model, { thread: 'calling' });
  const known = new Map<Root, Root>();
  for (const { inputs } of claims) {
    const key = listRoot(inputs);
    if (known.has(key)) continue;
    const { rows } = await database.query<{ root: Root; header: Root; bytes: Buffer }>('SELECT root, header, bytes FROM "Tensor" WHERE root = ANY($1)', [inputs]);
    const byRoot = new Map(rows.map(({ root, header, bytes }): [Root, Tensor] => [root, { ...decodeHeader(header), data: new Uint8Array(bytes) }]));
    const tensors = inputs.map((root) => byRoot.get(root)!);
    if (tensors.some((tensor, i) => !tensor || tensorRoot(tensor) !== inputs[i])) throw new Error(`the inputs of a job are not in the database as they were signed: ${key}`);
    known.set(key, listRoot((await session.run(tensors)).map(tensorRoot)));
  }
  await session.close();
  return (inputs) => known.get(listRoot(inputs))!;
}
