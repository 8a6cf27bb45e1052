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
  readonly client: Pick<PublicClient, 'getBlock'>;
  /** Time of the chain's head, in seconds. */
  readonly now: bigint;
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
/** Claims whose inputs are in memory at once. */
const PAGE = 256;

/** What was recomputed before. WHY: looking again and again whether all is over must not cost the whole each time; a verdict is reached without it. */
export class Memory {
  readonly events: ChainEvent[] = [];
  /** The first block not read. */
  nextBlock: bigint | undefined;
  /** Claim digests by those in the database. */
  readonly digests = new Map<Root, Root>();
  /** Output roots by list root of the inputs. */
  readonly truths = new Map<Root, Root>();
}

export async function gather({ rpcUrl, databaseUrl, deployment, model }: Places, memory = new Memory()): Promise<Evidence> {
  const client = createPublicClient({ transport: http(rpcUrl) });
  const { timestamp: now } = await client.getBlock();
  const events = await allEvents(client, deployment, memory);
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    const jobs = await database.query<{ id: Root; submitter: Address; state: string; failureCode: string | null }>('SELECT id, submitter, state, "failureCode" FROM "Job"');
    const claims = await readClaims(database, deployment, memory);
    const truth = await truthOf(database, { claims, model, memory });
    return { events, client, now, claims, truth, jobs: new Map(jobs.rows.map(({ id, submitter, state, failureCode }) => [id, { jobId: id, submitter, state, failure: failureCode }])) };
  } finally {
    await database.end();
  }
}

/** WHY no reorganisations here: the chain of these tests has none. */
async function allEvents(client: PublicClient, deployment: Deployment, memory: Memory): Promise<ChainEvent[]> {
  const { vault, batches, disputes, charges, requests, deployedBlock } = deployment;
  const head = await client.getBlockNumber({ cacheTime: 0 });
  for (let fromBlock = memory.nextBlock ?? BigInt(deployedBlock); fromBlock <= head; fromBlock = memory.nextBlock) {
    const toBlock = fromBlock + RANGE - 1n < head ? fromBlock + RANGE - 1n : head;
    memory.events.push(...parseEvents(await client.getLogs({ address: [vault, batches, disputes, charges, requests], fromBlock, toBlock })));
    memory.nextBlock = toBlock + 1n;
  }
  return memory.events;
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

async function readClaims(database: pg.Client, deployment: Deployment, { digests }: Memory): Promise<StoredClaim[]> {
  const network: NetworkId = { chainId: deployment.chainId, disputes: deployment.disputes };
  const { rows } = await database.query<ClaimRow>(`
    SELECT c."jobId", c.executor, c.coordinator, c."outputRoot", c.fee::text, c.insured::text, c.digest, b.root, j."modelId", j.submitter, j.inputs, j."claimDigest" AS standing
    FROM "Claim" c JOIN "Job" j ON j.id = c."jobId" LEFT JOIN "Batch" b ON b.seq = c."batchSeq"`);
  return rows.map((row) => {
    const { jobId, executor, coordinator, outputRoot, modelId, submitter, inputs } = row;
    const [fee, insuredValue] = [BigInt(row.fee), BigInt(row.insured)];
    const digest = digests.get(row.digest) ?? claimDigest(network, { jobId, modelId, inputRoot: listRoot(inputs), outputRoot, executor, coordinator, fee, insuredValue });
    digests.set(row.digest, digest);
    return { digest, jobId, executor, submitter, fee, outputRoot, inputs, batchRoot: row.root, stands: row.standing === digest };
  });
}

interface Unproven {
  readonly claims: readonly StoredClaim[];
  readonly model: CanonicalModel;
  readonly memory: Memory;
}

/** Runs every job once more, in this process. */
async function truthOf(database: pg.Client, { claims, model, memory: { truths } }: Unproven): Promise<Evidence['truth']> {
  const open = new Map(claims.map(({ inputs }) => [listRoot(inputs), inputs] as const).filter(([key]) => !truths.has(key)));
  const session = await openSession(model, { thread: 'calling' });
  const unknown = [...open];
  for (let from = 0; from < unknown.length; from += PAGE) {
    const page = unknown.slice(from, from + PAGE);
    const tensors = await readTensors(database, page.flatMap(([, inputs]) => inputs));
    for (const [key, inputs] of page) truths.set(key, listRoot((await session.run(inputs.map((root) => tensors.get(root)!))).map(tensorRoot)));
  }
  await session.close();
  return (inputs) => truths.get(listRoot(inputs))!;
}

async function readTensors(database: pg.Client, roots: readonly Root[]): Promise<Map<Root, Tensor>> {
  const { rows } = await database.query<{ root: Root; header: Root; bytes: Buffer }>('SELECT root, header, bytes FROM "Tensor" WHERE root = ANY($1)', [roots]);
  const tensors = new Map(rows.map(({ root, header, bytes }): [Root, Tensor] => [root, { ...decodeHeader(header), data: new Uint8Array(bytes) }]));
  for (const root of roots) {
    const tensor = tensors.get(root);
    if (!tensor || tensorRoot(tensor) !== root) throw new Error(`an input of a job is not in the database as it was signed: ${root}`);
  }
  return tensors;
}
