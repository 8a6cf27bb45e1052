import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import { unpackGame } from '#core/dispute';
import { drawOrder, isDrawn } from '#core/protocol';
import type { Evidence, EventOf, StoredClaim } from './evidence.js';

/** Who is who; the auditor knows the roles, not what they did. */
export interface Cast {
  readonly jobIds: readonly Root[];
  readonly honestExecutors: readonly Address[];
  /** Those whose draws count. */
  readonly honestChallengers: readonly Address[];
  readonly accusers: readonly Address[];
  /** One token's smallest accounting unit in its smallest unit. */
  readonly unit: bigint;
}

export interface Verdict {
  readonly lost: number;
  readonly paidTwice: number;
  readonly honestSlashed: number;
  /** Executors with a false claim that an honest challenger was drawn for, and accusers with a game. */
  readonly cheatersDrawn: number;
  readonly cheatersCaught: number;
  readonly lies: number;
  readonly liesDrawn: number;
  readonly batches: number;
  readonly games: number;
  /** Games not over, or over and not settled. */
  readonly gamesOpen: number;
  /** What is wrong, one line each. */
  readonly faults: readonly string[];
}

const EXECUTOR_LOST = 4;
const CHALLENGER_LOST = 5;
const lower = (address: string) => address.toLowerCase();

/** Recomputes from chain logs and database what became of every job, fee and stake. */
export async function audit(evidence: Evidence, cast: Cast): Promise<Verdict> {
  const batches = batchesOf(evidence);
  const lost = lostJobs(evidence, cast, batches);
  const twice = paidTwice(evidence, cast, batches);
  const games = gamesOf(evidence);
  const slashed = honestSlashed(evidence, cast, games);
  const lies = await liesOf(evidence, cast, batches);
  const forfeited = new Set(of(evidence, 'StakeForfeited').map(({ args }) => lower(args.executor)));
  const drawn = new Set(lies.filter((lie) => lie.drawn).map(({ claim }) => lower(claim.executor)));
  const accused = new Set(games.filter(({ challenger }) => cast.accusers.map(lower).includes(lower(challenger))).map(({ challenger }) => lower(challenger)));
  const convicted = [...accused].filter((address) => games.every(({ challenger, phase }) => lower(challenger) !== address || phase === CHALLENGER_LOST));
  const escaped = [...drawn].filter((address) => !forfeited.has(address));
  return {
    lost: lost.length,
    paidTwice: twice.length,
    honestSlashed: slashed.length,
    cheatersDrawn: drawn.size + accused.size,
    cheatersCaught: drawn.size - escaped.length + convicted.length,
    lies: lies.length,
    liesDrawn: lies.filter((lie) => lie.drawn).length,
    batches: batches.size,
    games: games.length,
    gamesOpen: games.filter(({ phase, settled }) => phase < EXECUTOR_LOST || !settled).length,
    faults: [...lost, ...twice, ...slashed, ...escaped.map((address) => `cheater ${address} was drawn and has its stake`)],
  };
}

type Committed = EventOf<'BatchCommitted'>;
interface OnChain {
  readonly event: Committed;
  readonly claims: readonly StoredClaim[];
}

function of<N extends Parameters<typeof matches>[1]>(evidence: Evidence, name: N): EventOf<N>[] {
  return evidence.events.filter((event) => matches(event, name)) as EventOf<N>[];
}

function matches(event: Evidence['events'][number], name: Evidence['events'][number]['eventName']): boolean {
  return event.eventName === name;
}

/** Every batch on chain with the claims whose tree has its root; a batch without its claims has none. */
function batchesOf(evidence: Evidence): Map<bigint, OnChain> {
  const byRoot = new Map<Root | null, StoredClaim[]>();
  for (const claim of evidence.claims) {
    const others = byRoot.get(claim.batchRoot);
    if (others) others.push(claim);
    else byRoot.set(claim.batchRoot, [claim]);
  }
  return new Map(
    of(evidence, 'BatchCommitted').map((event) => {
      const claims = byRoot.get(event.args.batch.root) ?? [];
      const isWhole = claims.length === event.args.batch.count && StandardMerkleTree.of(claims.map(({ digest }) => [digest]), ['bytes32']).root === event.args.batch.root;
      return [event.args.batchId, { event, claims: isWhole ? claims : [] }];
    }),
  );
}

/** Every job that was submitted has a standing answer in a batch on chain, and is final. */
function lostJobs({ jobs, claims }: Evidence, { jobIds }: Cast, batches: ReadonlyMap<bigint, OnChain>): string[] {
  const landed = new Set([...batches.values()].flatMap((batch) => batch.claims.map(({ digest }) => digest)));
  const standing = new Map(claims.filter(({ stands }) => stands).map((claim) => [claim.jobId, claim]));
  const mine = new Set(jobIds);
  // WHY others too: the gateway's jobs, of which those that nobody waited for any more are called off.
  const others = [...jobs.values()].filter(({ jobId, state }) => !mine.has(jobId) && state !== 'cancelled').map(({ jobId }) => jobId);
  return [...jobIds, ...others].flatMap((jobId) => {
    const job = jobs.get(jobId);
    const claim = standing.get(jobId);
    if (job?.state === 'final' && claim && landed.has(claim.digest)) return [];
    return [`job ${jobId} is ${job?.state ?? 'unknown'}${job?.failure ? ` (${job.failure})` : ''}, its claim ${claim ? (landed.has(claim.digest) ? 'on chain' : 'not on chain') : 'missing'}`];
  });
}

/** No root twice, no job with two paid claims, each batch credits and charges exactly its claims' fees. */
function paidTwice(evidence: Evidence, { unit }: Cast, batches: ReadonlyMap<bigint, OnChain>): string[] {
  const faults: string[] = [];
  const roots = new Map<Root, bigint>();
  const paid = new Map<Root, bigint>();
  const charged = new Map<string, bigint>();
  for (const [id, { event, claims }] of batches) {
    const { batch, totals, charges } = event.args;
    if (roots.has(batch.root)) faults.push(`batches ${roots.get(batch.root)} and ${id} have one root`);
    roots.set(batch.root, id);
    if (claims.length === 0) faults.push(`batch ${id} has claims that the database does not have`);
    for (const { jobId, fee } of claims) {
      if (fee > 0n && paid.has(jobId)) faults.push(`job ${jobId} is paid in batches ${paid.get(jobId)} and ${id}`);
      if (fee > 0n) paid.set(jobId, id);
    }
    const credited = totals.reduce((sum, total) => sum + ((total >> 48n) & 0xffff_ffff_ffffn), 0n);
    const earned = claims.reduce((sum, { fee }) => sum + fee, 0n) / unit;
    if (credited > earned) faults.push(`batch ${id} credits ${credited}, its claims earn ${earned}`);
    for (const charge of charges) add(charged, `0x${(charge >> 96n).toString(16).padStart(40, '0')}`, charge & (2n ** 96n - 1n));
  }
  const owed = new Map<string, bigint>();
  for (const { claims } of batches.values()) for (const { submitter, fee } of claims) add(owed, lower(submitter), fee / unit);
  for (const [submitter, amount] of charged) if (amount > (owed.get(submitter) ?? 0n)) faults.push(`${submitter} was charged ${amount}, its jobs cost ${owed.get(submitter) ?? 0n}`);
  return faults;
}

function add(sums: Map<string, bigint>, key: string, amount: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}

interface PlayedGame {
  readonly gameId: Root;
  readonly executor: Address;
  readonly challenger: Address;
  readonly phase: number;
  readonly settled: boolean;
}

function gamesOf(evidence: Evidence): PlayedGame[] {
  const ended = new Map(of(evidence, 'Ended').map(({ args }) => [args.gameId, unpackGame(args.game).phase]));
  const settled = new Set(of(evidence, 'Settled').map(({ args }) => args.gameId));
  return of(evidence, 'Opened').map(({ args: { gameId, executor, challenger } }) => ({ gameId, executor, challenger, phase: ended.get(gameId) ?? 0, settled: settled.has(gameId) }));
}

function honestSlashed(evidence: Evidence, { honestExecutors }: Cast, games: readonly PlayedGame[]): string[] {
  const honest = new Set(honestExecutors.map(lower));
  const stakes = of(evidence, 'StakeForfeited').filter(({ args }) => honest.has(lower(args.executor)));
  const lostGames = games.filter(({ executor, phase }) => honest.has(lower(executor)) && phase === EXECUTOR_LOST);
  return [...stakes.map(({ args }) => `${args.executor} forfeited ${args.amount}`), ...lostGames.map(({ gameId, executor }) => `${executor} lost game ${gameId}`)];
}

/** Claims on chain that are not what this machine computes, and whether the beacon drew an honest challenger for them. */
async function liesOf({ client, truth }: Evidence, { honestChallengers }: Cast, batches: ReadonlyMap<bigint, OnChain>): Promise<{ claim: StoredClaim; drawn: boolean }[]> {
  const lies: { claim: StoredClaim; drawn: boolean }[] = [];
  for (const { event, claims } of batches.values()) {
    const { committedBlock, beaconDelay, sampleRate } = event.args.batch;
    const order = drawOrder(claims, ({ digest }) => digest);
    const wrong = order.flatMap((claim, index) => (truth(claim.inputs) === claim.outputRoot ? [] : [{ claim, index: BigInt(index) }]));
    if (wrong.length === 0) continue;
    const { mixHash } = await client.getBlock({ blockNumber: committedBlock + BigInt(beaconDelay) });
    for (const { claim, index } of wrong) lies.push({ claim, drawn: honestChallengers.some((address) => isDrawn(mixHash as Root, address, { index, rate: BigInt(sampleRate) })) });
  }
  return lies;
}
