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
  /** Executors that a batch credits less than their claims earn. */
  readonly unpaid: number;
  readonly honestSlashed: number;
  /** Executors with a false claim that an honest challenger was drawn for, and accusers with a game. */
  readonly cheatersDrawn: number;
  readonly cheatersCaught: number;
  readonly lies: number;
  readonly liesDrawn: number;
  /** Of those drawn, whose claim nobody has disputed yet. */
  readonly liesLeft: number;
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
  const games = gamesOf(evidence);
  const lost = lostJobs(evidence, cast, { batches, games });
  const twice = paidTwice(cast, batches);
  const short = unpaid(cast, batches);
  const slashed = honestSlashed(evidence, cast, games);
  const lies = await liesOf(evidence, cast, batches);
  const forfeited = new Set(of(evidence, 'StakeForfeited').map(({ args }) => lower(args.executor)));
  const drawn = new Set(lies.filter((lie) => lie.drawn).map(({ claim }) => lower(claim.executor)));
  const accused = new Set(games.filter(({ challenger }) => cast.accusers.map(lower).includes(lower(challenger))).map(({ challenger }) => lower(challenger)));
  const unconvicted = [...accused].filter((address) => games.some(({ challenger, phase }) => lower(challenger) === address && phase !== CHALLENGER_LOST));
  const escaped = [...drawn].filter((address) => !forfeited.has(address));
  return {
    lost: lost.length,
    paidTwice: twice.length,
    unpaid: short.length,
    honestSlashed: slashed.length,
    cheatersDrawn: drawn.size + accused.size,
    cheatersCaught: drawn.size - escaped.length + accused.size - unconvicted.length,
    lies: lies.length,
    liesDrawn: lies.filter((lie) => lie.drawn).length,
    liesLeft: lies.filter((lie) => lie.drawn && !games.some(({ claim }) => claim === lie.claim.digest)).length,
    batches: batches.size,
    games: games.length,
    gamesOpen: games.filter(({ phase, settled }) => phase < EXECUTOR_LOST || !settled).length,
    faults: [...lost, ...twice, ...short, ...slashed, ...escaped.map((address) => `cheater ${address} was drawn and has its stake`), ...unconvicted.map((address) => `accuser ${address} has not lost every game`)],
  };
}

type Committed = EventOf<'BatchCommitted'>;
interface OnChain {
  readonly event: Committed;
  readonly claims: readonly StoredClaim[];
}
type Batches = ReadonlyMap<bigint, OnChain>;
interface Found {
  readonly batches: Batches;
  readonly games: readonly PlayedGame[];
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

/** Every job that was submitted has a standing answer that the chain calls final: in a batch, past its window, not proven wrong. */
function lostJobs({ jobs, claims, now }: Evidence, { jobIds }: Cast, { batches, games }: Found): string[] {
  const disputed = new Set(games.filter(({ phase, settled }) => phase !== CHALLENGER_LOST || !settled).map(({ claim }) => claim));
  const landed = new Map([...batches.values()].flatMap(({ event, claims: inside }) => inside.map(({ digest }) => [digest, event.args.batch] as const)));
  const standing = new Map(claims.filter(({ stands }) => stands).map((claim) => [claim.jobId, claim]));
  const mine = new Set(jobIds);
  // WHY others too: the gateway's jobs, of which those that nobody waited for any more are called off.
  const others = [...jobs.values()].filter(({ jobId, state }) => !mine.has(jobId) && state !== 'cancelled').map(({ jobId }) => jobId);
  return [...jobIds, ...others].flatMap((jobId) => {
    const job = jobs.get(jobId);
    const claim = standing.get(jobId);
    const batch = claim && landed.get(claim.digest);
    const isOver = batch !== undefined && batch.committedAt + BigInt(batch.challengeWindow) <= now;
    if (job?.state === 'final' && isOver && !disputed.has(claim!.digest)) return [];
    const where = !claim ? 'missing' : !batch ? 'not on chain' : !isOver ? 'still open to challenge' : disputed.has(claim.digest) ? 'disputed' : 'final';
    return [`job ${jobId} is ${job?.state ?? 'unknown'}${job?.failure ? ` (${job.failure})` : ''}, its claim ${where}`];
  });
}

/** No root twice, no job with two paid claims, nobody credited more than its claims earn, nobody charged more than its jobs cost. */
function paidTwice({ unit }: Cast, batches: Batches): string[] {
  const faults: string[] = [];
  const roots = new Map<Root, bigint>();
  const paid = new Map<Root, bigint>();
  for (const [id, { event, claims }] of batches) {
    const { root } = event.args.batch;
    if (roots.has(root)) faults.push(`batches ${roots.get(root)} and ${id} have one root`);
    roots.set(root, id);
    if (claims.length === 0) faults.push(`batch ${id} has claims that the database does not have`);
    for (const { jobId, fee } of claims) {
      if (fee > 0n && paid.has(jobId)) faults.push(`job ${jobId} is paid in batches ${paid.get(jobId)} and ${id}`);
      if (fee > 0n) paid.set(jobId, id);
    }
    for (const { executor, credited, earned } of creditsOf({ event, claims }, unit)) if (credited > earned) faults.push(`batch ${id} credits ${executor} ${credited}, its claims earn ${earned}`);
  }
  return [...faults, ...overcharged(batches, unit)];
}

function unpaid({ unit }: Cast, batches: Batches): string[] {
  return [...batches].flatMap(([id, batch]) => creditsOf(batch, unit).flatMap(({ executor, credited, earned }) => (credited < earned ? [`batch ${id} credits ${executor} ${credited}, its claims earn ${earned}`] : [])));
}

/** What a batch gives each executor, and what its claims in the batch earn, in units. */
function creditsOf({ event, claims }: OnChain, unit: bigint): { executor: string; credited: bigint; earned: bigint }[] {
  const credited = new Map<string, bigint>();
  const fees = new Map<string, bigint>();
  for (const total of event.args.totals) add(credited, accountOf(total), (total >> 48n) & 0xffff_ffff_ffffn);
  for (const { executor, fee } of claims) add(fees, lower(executor), fee);
  return [...new Set([...credited.keys(), ...fees.keys()])].map((executor) => ({ executor, credited: credited.get(executor) ?? 0n, earned: (fees.get(executor) ?? 0n) / unit }));
}

function overcharged(batches: Batches, unit: bigint): string[] {
  const charged = new Map<string, bigint>();
  const owed = new Map<string, bigint>();
  for (const { event, claims } of batches.values()) {
    for (const charge of event.args.charges) add(charged, accountOf(charge), charge & (2n ** 96n - 1n));
    for (const { submitter, fee } of claims) add(owed, lower(submitter), fee / unit);
  }
  return [...charged].flatMap(([submitter, amount]) => (amount > (owed.get(submitter) ?? 0n) ? [`${submitter} was charged ${amount}, its jobs cost ${owed.get(submitter) ?? 0n}`] : []));
}

/** The account in the high 160 bits of a packed total or charge. */
function accountOf(packed: bigint): string {
  return `0x${(packed >> 96n).toString(16).padStart(40, '0')}`;
}

function add(sums: Map<string, bigint>, key: string, amount: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}

interface PlayedGame {
  readonly gameId: Root;
  readonly claim: Root;
  readonly executor: Address;
  readonly challenger: Address;
  readonly phase: number;
  readonly settled: boolean;
}

function gamesOf(evidence: Evidence): PlayedGame[] {
  const ended = new Map(of(evidence, 'Ended').map(({ args }) => [args.gameId, unpackGame(args.game).phase]));
  const settled = new Set(of(evidence, 'Settled').map(({ args }) => args.gameId));
  return of(evidence, 'Opened').map(({ args: { gameId, claim, executor, challenger } }) => ({ gameId, claim, executor, challenger, phase: ended.get(gameId) ?? 0, settled: settled.has(gameId) }));
}

/** Stakes, and games on either side, that somebody honest lost. */
function honestSlashed(evidence: Evidence, { honestExecutors, honestChallengers }: Cast, games: readonly PlayedGame[]): string[] {
  const [executors, challengers] = [new Set(honestExecutors.map(lower)), new Set(honestChallengers.map(lower))];
  const stakes = of(evidence, 'StakeForfeited').filter(({ args }) => executors.has(lower(args.executor)));
  const lostGames = games.flatMap(({ executor, challenger, phase, gameId }) => {
    const loser = phase === EXECUTOR_LOST && executors.has(lower(executor)) ? executor : phase === CHALLENGER_LOST && challengers.has(lower(challenger)) ? challenger : undefined;
    return loser ? [`${loser} lost game ${gameId}`] : [];
  });
  return [...stakes.map(({ args }) => `${args.executor} forfeited ${args.amount}`), ...lostGames];
}

/** Claims on chain that are not what this machine computes, and whether the beacon drew an honest challenger for them. */
async function liesOf({ client, truth }: Evidence, { honestChallengers }: Cast, batches: Batches): Promise<{ claim: StoredClaim; drawn: boolean }[]> {
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
