import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { describe, expect, it } from 'vitest';
import type { Address } from 'viem';
import { PHASE, packGame, type Game } from '#core/dispute';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { isDrawn } from '#core/protocol';
import { packCharge, packTotal } from '#io/chain';
import { audit, type Cast } from './audit.js';
import type { Evidence, StoredClaim, StoredJob } from './evidence.js';

const UNIT = 10n ** 12n;
const FEE = 10n ** 15n;
const NOW = 10_000n;
const root = (n: number): Root => `0x${n.toString(16).padStart(64, '0')}`;
const account = (n: number): Address => `0x${n.toString(16).padStart(40, '0')}`;
const [HONEST, CHEATER, CHALLENGER, ACCUSER, SUBMITTER] = [account(1), account(2), account(3), account(4), account(5)];
const CAST: Cast = { jobIds: [root(1), root(2), root(3), root(4)], honestExecutors: [HONEST], honestChallengers: [CHALLENGER], accusers: [ACCUSER], unit: UNIT };

interface Story {
  claims: StoredClaim[];
  jobs: Map<Root, StoredJob>;
  /** Job numbers by batch. */
  batches: { digests: Root[]; committedAt: bigint; credits: Map<Address, bigint>; charge: bigint }[];
  games: { claim: Root; executor: Address; challenger: Address; phase: number; settled: boolean }[];
  forfeited: Address[];
}

/** The job's number is also its input; whose output is not the input is a lie. */
function claim(job: number, executor: Address, { digest = root(100 * job), output = job, fee = FEE, stands = true } = {}): StoredClaim {
  return { digest, jobId: root(job), executor, submitter: SUBMITTER, fee, outputRoot: root(output), inputs: [root(job)], batchRoot: null, stands };
}

/**
 * Three honest answers and a lie in one batch; the lie is proven wrong, its job answered again for nothing in another batch, and an
 * accuser has lost its game against a right claim.
 */
function story(): Story {
  const lie = claim(4, CHEATER, { digest: FIRST, output: 999, stands: false });
  const claims = [claim(1, HONEST), claim(2, HONEST), claim(3, HONEST), lie, claim(4, HONEST, { digest: root(900), fee: 0n })];
  return {
    claims,
    jobs: new Map([1, 2, 3, 4].map((n) => [root(n), { jobId: root(n), submitter: SUBMITTER, state: 'final', failure: null }])),
    batches: [
      { digests: claims.slice(0, 4).map(({ digest }) => digest), committedAt: 1_000n, credits: new Map([[HONEST, 3n * FEE], [CHEATER, FEE]]), charge: 4n * FEE },
      { digests: [root(900)], committedAt: 2_000n, credits: new Map(), charge: 0n },
    ],
    games: [
      { claim: lie.digest, executor: CHEATER, challenger: CHALLENGER, phase: PHASE.executorLost, settled: true },
      { claim: root(100), executor: HONEST, challenger: ACCUSER, phase: PHASE.challengerLost, settled: true },
    ],
    forfeited: [CHEATER],
  };
}

const RATE = 2n ** 31n;
/** Digests before and behind those of the honest claims in their batch: places 0 and 3. */
const [FIRST, LAST] = [root(50), root(350)];
/** Draws place 0 and not place 3. */
const BEACON = Array.from({ length: 100 }, (_, n) => root(n)).find((beacon) => isDrawn(beacon, CHALLENGER, { index: 0n, rate: RATE }) && !isDrawn(beacon, CHALLENGER, { index: 3n, rate: RATE }))!;

function evidenceOf({ claims, jobs, batches, games, forfeited }: Story): Evidence {
  const roots = batches.map(({ digests }) => StandardMerkleTree.of(digests.map((digest) => [digest]), ['bytes32']).root as Root);
  const inBatch = (digest: Root) => roots[batches.findIndex(({ digests }) => digests.includes(digest))] ?? null;
  const committed = batches.map(({ digests, committedAt, credits, charge }, i) => ({
    eventName: 'BatchCommitted',
    args: {
      batchId: BigInt(i + 1),
      batch: { root: roots[i], count: digests.length, committedBlock: 5n, committedAt, challengeWindow: 900, beaconDelay: 1, sampleRate: Number(RATE) },
      totals: [...credits].map(([executor, fees]) => packTotal({ executor, fees, insuredValue: 0n }, UNIT)),
      charges: charge > 0n ? [packCharge({ submitter: SUBMITTER, amount: charge }, UNIT)] : [],
    },
  }));
  const played = games.flatMap(({ claim, executor, challenger, phase, settled }, i) => {
    const gameId = root(500 + i);
    const ended = phase >= PHASE.executorLost ? [{ eventName: 'Ended', args: { gameId, game: packGame(over(phase)) } }] : [];
    return [{ eventName: 'Opened', args: { gameId, claim, executor, challenger } }, ...ended, ...(settled ? [{ eventName: 'Settled', args: { gameId } }] : [])];
  });
  const lost = forfeited.map((executor) => ({ eventName: 'StakeForfeited', args: { executor, amount: 1n } }));
  return {
    events: [...committed, ...played, ...lost] as unknown as Evidence['events'],
    client: { getBlock: () => Promise.resolve({ mixHash: BEACON }) } as unknown as Evidence['client'],
    now: NOW,
    jobs,
    claims: claims.map((each) => ({ ...each, batchRoot: inBatch(each.digest) })),
    truth: ([input]) => input!,
  };
}

function over(phase: number): Game {
  const zero = { movedAt: 0n, executorClock: 0, challengerClock: 0, valueCount: 2, valueIndex: 0, depth: 0, position: 0n, element: 0n, word: 0n, stepCount: 0n, lowStep: 0n, highStep: 0n, lowState: 0n, highState: 0n };
  return { claim: ZERO_ROOT, executor: account(0), challenger: account(0), phase, executorTurn: false, outputRoot: ZERO_ROOT, traceRoot: ZERO_ROOT, header: ZERO_ROOT, node: ZERO_ROOT, ...zero };
}

const GOOD = { lost: 0, paidTwice: 0, unpaid: 0, honestSlashed: 0, cheatersDrawn: 2, cheatersCaught: 2, lies: 1, liesDrawn: 1, liesLeft: 0, gamesOpen: 0 };
const judged = (tamper: (story: Story) => void) => {
  const told = story();
  tamper(told);
  return audit(evidenceOf(told), CAST);
};
const claimOf = (told: Story, digest: Root) => told.claims.find((each) => each.digest === digest)!;
const change = (told: Story, digest: Root, by: Partial<StoredClaim>) => void Object.assign(claimOf(told, digest), by);

describe('the audit of a chaos', () => {
  it('finds nothing wrong where nothing is', async () => {
    expect(await judged(() => {})).toEqual({ ...GOOD, batches: 2, games: 2, faults: [] });
  });

  it.each<[string, Partial<typeof GOOD>, (story: Story) => void]>([
    ['a job that the database does not have', { lost: 1 }, ({ jobs }) => jobs.delete(root(2))],
    ['a job that failed', { lost: 1 }, ({ jobs }) => jobs.set(root(2), { ...jobs.get(root(2))!, state: 'failed', failure: 'JOB_FAILED' })],
    ['a job of the gateway’s that is no further', { lost: 1 }, ({ jobs }) => jobs.set(root(9), { ...jobs.get(root(2))!, jobId: root(9), state: 'assigned' })],
    ['a job without a claim that stands', { lost: 1 }, (told) => change(told, root(900), { stands: false })],
    ['a job called final whose window is open', { lost: 1 }, ({ batches }) => (batches[1]!.committedAt = NOW - 899n)],
    ['a job called final whose standing claim was proven wrong', { lost: 1, cheatersDrawn: 2 }, (told) => told.games.push({ claim: root(900), executor: CHEATER, challenger: CHALLENGER, phase: PHASE.executorLost, settled: true })],
    ['a batch whose claims are not the ones in its root', { lost: 1, paidTwice: 1 }, ({ batches, claims }) => (batches[1]!.digests.push(root(300)), void claims)],
    ['a root on chain twice', { paidTwice: 1 }, ({ batches }) => batches.push({ ...batches[1]! })],
    ['two paid claims of a job', { paidTwice: 1 }, (told) => (change(told, root(900), { fee: FEE }), told.batches[1]!.credits.set(HONEST, FEE))],
    ['an executor credited more than it earned', { paidTwice: 1 }, ({ batches }) => batches[0]!.credits.set(HONEST, 4n * FEE)],
    ['an executor credited what another earned', { paidTwice: 1, unpaid: 1 }, ({ batches }) => (batches[0]!.credits.set(CHEATER, 2n * FEE), batches[0]!.credits.set(HONEST, 2n * FEE))],
    ['an executor credited less than it earned', { unpaid: 1 }, ({ batches }) => batches[0]!.credits.set(HONEST, 2n * FEE)],
    ['a submitter charged twice', { paidTwice: 1 }, ({ batches }) => (batches[0]!.charge = 8n * FEE)],
    ['a stake that somebody honest lost', { honestSlashed: 1 }, ({ forfeited }) => forfeited.push(HONEST)],
    ['a game that an honest executor lost', { honestSlashed: 1, lost: 1, cheatersCaught: 1 }, ({ games }) => (games[1]!.phase = PHASE.executorLost)],
    ['a game that an honest challenger lost', { honestSlashed: 1 }, ({ games }) => games.push({ claim: root(200), executor: HONEST, challenger: CHALLENGER, phase: PHASE.challengerLost, settled: true })],
    ['a cheater that was drawn and has its stake', { cheatersCaught: 1 }, ({ forfeited }) => forfeited.pop()],
    ['a lie that nobody was drawn for', { cheatersDrawn: 1, cheatersCaught: 1, liesDrawn: 0 }, hideLie],
    ['a lie that somebody was drawn for and nobody has disputed', { liesLeft: 1 }, ({ games }) => games.shift()],
    ['an accuser whose game is open', { cheatersCaught: 1, gamesOpen: 1, lost: 1 }, ({ games }) => Object.assign(games[1]!, { phase: PHASE.trace, settled: false })],
    ['a game that is over and not settled', { gamesOpen: 1, lost: 1 }, ({ games }) => (games[1]!.settled = false)],
  ])('finds %s', async (_name, expected, tamper) => {
    const { batches, games, faults, ...figures } = await judged(tamper);
    expect(figures).toEqual({ ...GOOD, ...expected });
    expect([batches, games].every((count) => count > 0)).toBe(true);
    const wrong = figures.lost + figures.paidTwice + figures.unpaid + figures.honestSlashed + figures.cheatersDrawn - figures.cheatersCaught;
    expect(faults).toHaveLength(wrong);
  });
});

/** Puts the lie where the beacon does not draw it. */
function hideLie(told: Story): void {
  told.batches[0]!.digests[3] = LAST;
  told.games[0]!.claim = LAST;
  change(told, FIRST, { digest: LAST });
}
