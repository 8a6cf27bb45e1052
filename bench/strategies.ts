/**
 * Strategies of executors, challengers and coordinators, played job by job under the rules that the contracts enforce, by the functions that
 * mirror them (libs/core/protocol/economics.ts). One honest challenger with nothing but its own share p stands against whoever cheats.
 */
import { bondFor, checkPay, exposureOf, forfeitFor, lostBond, resolvedContest, SAMPLE_RATE_ONE, splitFee, stakeFor, type Economy } from '#core/protocol';
import { LIVE_PARAMETERS } from '#io/chain';
import { seededRandom, type Random } from '#testing';

const UNIT = 10n ** 18n;
/** Of every job. */
export const FEE = UNIT / 10n;
/** What computing a job costs; checking one costs a fifth more, for the trace. */
const WORK = FEE / 2n;
const CHECK = (WORK * 6n) / 5n;
/** Insured values: nine jobs of ten, and every tenth. */
const SMALL = UNIT;
const LARGE = 40n * UNIT;
const BATCH = 1_000;

export interface Strategy {
  readonly name: string;
  readonly honest: boolean;
  /** Per job of the network, in tokens. */
  readonly expectedProfit: number;
  readonly detail: string;
}

export interface Rules extends Economy {
  /** Checkers that are paid. */
  readonly seats: number;
  readonly checkStake: bigint;
  /** A coordinator's, in the token's smallest unit. */
  readonly coordinatorBond: bigint;
}

/** A live deployment's. */
export function liveRules(): Rules {
  const { batches, disputes, checks } = LIVE_PARAMETERS;
  const { sampleRate, poolBps, protocolBps, coordinatorBond } = batches;
  const { penalty, bountyBps, bond } = disputes;
  return { sampleRate, poolBps, protocolBps, penalty, bountyBps, bond, coordinatorBond: coordinatorBond * 10n ** 12n, seats: checks.seats, checkStake: checks.stake };
}

interface Run {
  readonly rules: Rules;
  readonly random: Random;
  readonly jobs: number;
  /** Whether a challenger is drawn for its next job. */
  readonly drawn: () => boolean;
}

interface Played {
  readonly profit: bigint;
  readonly detail: string;
}

interface Player {
  readonly honest: boolean;
  readonly play: (run: Run) => Played;
}

const insuredOf = (job: number): bigint => (job % 10 === 9 ? LARGE : SMALL);

/**
 * Draws without noise: decks of the smallest size in which p is a whole number of cards, each shuffled by the seed.
 * WHY: what is measured is the mean, and stakes are so much larger than fees that plain draws would drown it.
 */
export function decks(rate: bigint, random: Random): () => boolean {
  const p = Number(rate) / Number(SAMPLE_RATE_ONE);
  let size = 1;
  while (size < 1_000 && Math.abs(size * p - Math.round(size * p)) > 1e-6) size++;
  let deck: boolean[] = [];
  return () => {
    if (deck.length === 0) deck = shuffled(Array.from({ length: size }, (_, i) => i < Math.round(size * p)), random);
    return deck.pop()!;
  };
}

function shuffled<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.between(0, i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}

interface Liar {
  /** Which of its jobs it answers without computing them. */
  readonly lies: (insuredValue: bigint, random: Random) => boolean;
  /** Which jobs it takes at all. */
  readonly takes: (insuredValue: bigint) => boolean;
  /** Jobs open at once: its stake just covers them. */
  readonly open: number;
  /** A challenger of its own takes the bounties' share of its stake back, for nothing. */
  readonly bountiesBack: boolean;
}

/** A cheating executor: its stake is the least that the exposure rule takes its jobs for; once caught it stakes anew. */
function cheat({ lies, takes, open, bountiesBack }: Liar): (run: Run) => Played {
  return ({ rules, random, jobs, drawn }) => {
    const share = splitFee(FEE, rules).executor;
    let [profit, caught, falseClaims] = [0n, 0, 0];
    let round: bigint[] = [];
    const settle = () => {
      const exposure = round.reduce((sum, insuredValue) => sum + exposureOf({ fee: share, insuredValue }, rules.sampleRate), 0n);
      const stake = stakeFor(exposure, rules.sampleRate, rules.bountyBps);
      const wrong = round.filter((insuredValue) => lies(insuredValue, random));
      const found = wrong.filter(() => drawn());
      falseClaims += wrong.length;
      profit += BigInt(wrong.length) * WORK + wrong.reduce((sum, value) => sum + value, 0n) - found.reduce((sum, value) => sum + value, 0n);
      if (found.length > 0) {
        const lost = forfeitFor(stake, { fee: FEE, insuredValue: found[0]! }, rules);
        profit -= lost.forfeited - (bountiesBack ? lost.forBounties : 0n);
        caught++;
      }
      round = [];
    };
    for (let job = 0; job < jobs; job++) {
      if (takes(insuredOf(job))) round.push(insuredOf(job));
      if (round.length === open) settle();
    }
    if (round.length > 0) settle();
    return { profit, detail: `beyond honest work: ${falseClaims} false claims, caught ${caught} times` };
  };
}

interface Checker {
  /** Runs a claim it is drawn for, or makes evidence up, or leaves it out. */
  readonly does: (random: Random) => 'run' | 'invent' | 'copy';
  /** Falsehoods among the claims, and who commits them can be convicted. */
  readonly falseShare: number;
}

/** A checker with a seat, over batches of 1,000: commits, reveals, is paid from what the charges brought; invention meets the honest challenger. */
function check({ does, falseShare }: Checker): (run: Run) => Played {
  return ({ rules, random, jobs, drawn }) => {
    const own = decks(rules.sampleRate, seededRandom(random.seed + 1));
    const charged = FEE * BigInt(BATCH);
    let [profit, pool, entries, caught, bounties] = [0n, 0n, 0, 0, 0];
    for (let first = 0; first < jobs; first += BATCH) {
      const size = Math.min(BATCH, jobs - first);
      // The other seats take their part too.
      pool += splitFee((charged * BigInt(size)) / BigInt(BATCH), rules).pool / BigInt(rules.seats);
      let [shown, invented] = [0, 0];
      for (let job = 0; job < size; job++) {
        // WHY both: whether the honest challenger ran the same claim.
        const [mine, honest] = [own(), drawn()];
        if (!mine) continue;
        const way = does(random);
        if (way === 'run') profit -= CHECK;
        if (way === 'run' && random.next() < falseShare) (profit += (rules.penalty * BigInt(rules.bountyBps)) / 10_000n), bounties++;
        // A copy of what others reveal is not what was committed to before: the entry is not there.
        if (way !== 'copy') shown++;
        if (way === 'invent' && honest) invented++;
      }
      if (invented > 0) {
        profit -= rules.checkStake;
        caught++;
        continue;
      }
      const due = checkPay({ charged: (charged * BigInt(size)) / BigInt(BATCH), entries: BigInt(shown), count: BigInt(size) }, rules);
      const paid = due < pool ? due : pool;
      pool -= paid;
      profit += paid;
      entries += shown;
    }
    return { profit, detail: `${entries} checks paid${bounties > 0 ? `, ${bounties} bounties` : ''}${caught > 0 ? `, stake lost ${caught} times` : ''}` };
  };
}

/** Opens a game against every thousandth claim, all of them right: plays no move that convicts, and loses its bond to the executor. */
function grief({ rules, jobs }: Run): Played {
  const games = Math.ceil(jobs / BATCH);
  return { profit: -rules.bond * BigInt(games), detail: `${games} games against honest claims, each lost with its bond` };
}

/** Every batch charges twice what was signed for; the excess is its float. Submitters look at their charges and contest them. */
function overcharge({ rules, jobs }: Run): Played {
  let [profit, bond] = [0n, rules.coordinatorBond];
  let batches = 0;
  for (let first = 0; first < jobs && bond > 0n; first += BATCH, batches++) {
    const owed = FEE * BigInt(Math.min(BATCH, jobs - first));
    const outcome = resolvedContest({ amount: 2n * owed, shown: owed, bond });
    profit += owed - outcome.taken;
    bond -= outcome.taken;
  }
  return { profit, detail: `${batches} batches charged twice; what is contested is refunded, and as much again taken` };
}

interface Withholder {
  /** Jobs open at once, each in a batch of its own: its bond just covers them. */
  readonly open: number;
  readonly takes: (insuredValue: bigint) => boolean;
  /** It contests charges of its own first: half of the bond comes back, half is the pool's. Else its own demand brings the bounty. */
  readonly contests: boolean;
}

/**
 * A coordinator whose own executor computes nothing, and that shows nothing when asked: what is drawn never is final, what is not gains what it
 * insured; the executor keeps its stake. Once asked it loses its bond, and bonds anew under another name.
 */
function withhold({ open, takes, contests }: Withholder): (run: Run) => Played {
  return ({ rules, jobs, drawn }) => {
    const fee = splitFee(FEE, rules).executor;
    let [profit, caught, falseClaims] = [0n, 0, 0];
    let round: bigint[] = [];
    const settle = () => {
      const bond = bondFor(round.reduce((sum, insuredValue) => sum + exposureOf({ fee, insuredValue }, rules.sampleRate), 0n), rules.sampleRate);
      const unseen = round.filter(() => !drawn());
      falseClaims += round.length;
      profit += BigInt(round.length) * WORK + unseen.reduce((sum, value) => sum + value, 0n);
      if (unseen.length < round.length) (profit -= lostBond({ bond, contested: contests ? bond / 2n : 0n }).lost), caught++;
      round = [];
    };
    for (let job = 0; job < jobs; job++) {
      if (takes(insuredOf(job))) round.push(insuredOf(job));
      if (round.length === open) settle();
    }
    if (round.length > 0) settle();
    return { profit, detail: `${falseClaims} false claims of its own executor, bond lost ${caught} times` };
  };
}

function work({ rules, jobs }: Run): Played {
  return { profit: BigInt(jobs) * (splitFee(FEE, rules).executor - WORK), detail: 'its share of the fees less the cost of computing' };
}

const cheater = (liar: Liar): Player => ({ honest: false, play: cheat(liar) });
const any = () => true;
const large = (value: bigint) => value === LARGE;

const PLAYERS: Readonly<Record<string, Player>> = {
  'honest executor': { honest: true, play: work },
  'honest challenger, no cheaters': { honest: true, play: check({ does: () => 'run', falseShare: 0 }) },
  'honest challenger, one job in a thousand false': { honest: true, play: check({ does: () => 'run', falseShare: 0.001 }) },
  'random cheater': cheater({ takes: any, open: 10, lies: (_, random) => random.next() < 0.5, bountiesBack: false }),
  'targeted cheater': cheater({ takes: large, open: 1, lies: any, bountiesBack: false }),
  'targeted cheater among honest work': cheater({ takes: any, open: 10, lies: large, bountiesBack: false }),
  'lazy checker': { honest: false, play: check({ does: () => 'invent', falseShare: 0 }) },
  'checker lazy half of the time': { honest: false, play: check({ does: (random) => (random.next() < 0.5 ? 'run' : 'invent'), falseShare: 0 }) },
  copier: { honest: false, play: check({ does: () => 'copy', falseShare: 0 }) },
  'colluding executor and challenger': cheater({ takes: large, open: 1, lies: any, bountiesBack: true }),
  'colluding, all claims false': cheater({ takes: any, open: 10, lies: any, bountiesBack: true }),
  griefer: { honest: false, play: grief },
  'coordinator that withholds': { honest: false, play: withhold({ takes: any, open: 10, contests: false }) },
  'coordinator that withholds one large lie': { honest: false, play: withhold({ takes: large, open: 1, contests: true }) },
  'coordinator that overcharges': { honest: false, play: overcharge },
};

/** @param jobs how many; whole decks, that is multiples of 100 at p = 1/10, give means without noise */
export function simulate(rules: Rules, { seed, jobs }: { readonly seed: number; readonly jobs: number }): Strategy[] {
  return Object.entries(PLAYERS).map(([name, { honest, play }]) => {
    const random = seededRandom(seed);
    const { profit, detail } = play({ rules, random, jobs, drawn: decks(rules.sampleRate, random) });
    return { name, honest, expectedProfit: Number(profit) / Number(UNIT) / jobs, detail };
  });
}

/** As a table: name, honest or not, profit, detail. */
export function rowsOf(strategies: readonly Strategy[]): string[] {
  return strategies.map((s) => `${s.name.padEnd(47)} ${s.honest ? 'honest   ' : 'dishonest'} ${s.expectedProfit.toFixed(6).padStart(12)}  ${s.detail}`);
}

/** Names of strategies that pay and should not, or do not and should. */
export function misfits(strategies: readonly Strategy[]): string[] {
  return strategies.filter(({ honest, expectedProfit }) => (honest ? expectedProfit <= 0 : expectedProfit > 0)).map(({ name }) => name);
}
