/**
 * Does cheating pay? Every strategy plays the same jobs at the parameters of a live deployment, by the formulas of the
 * contracts (libs/core/protocol/economics.ts).
 *
 *   npm run sim:economics [-- --json] [-- --seed 42] [-- --jobs 100000]
 *
 * Profits are per job in tokens, with one honest challenger on the other side. A false answer is taken to gain its whole
 * insured value if nobody checks it, and to cost the whole stake if somebody does; computing a job costs COST of its fee.
 * Nine jobs of ten insure SMALL, one LARGE.
 */
import { parseArgs } from 'node:util';
import { exposureOf, SAMPLE_RATE_ONE, forfeitFor, splitFee, stakeFor, type Economy } from '#core/protocol';
import { LIVE_PARAMETERS } from '#io/chain';
import { seededRandom, type Random } from '#testing';

const UNIT = 10n ** 18n;
const FEE = UNIT / 10n;
const COST = 0.5;
const SMALL = UNIT;
const LARGE = 40n * UNIT;

export interface Strategy {
  readonly name: string;
  readonly honest: boolean;
  /** Per job, in tokens. */
  readonly expectedProfit: number;
  readonly detail: string;
}

interface Play {
  readonly economy: Economy;
  readonly random: Random;
  readonly jobs: number;
}

const tokens = (amount: bigint): number => Number(amount) / Number(UNIT);
const WORK = COST * tokens(FEE);
const isDrawn = ({ random, economy }: Play): boolean => random.next() < Number(economy.sampleRate) / Number(SAMPLE_RATE_ONE);
const insuredOf = ({ random }: Play): bigint => (random.next() < 0.1 ? LARGE : SMALL);

/** Sums what `one` yields over the jobs. */
function average(play: Play, one: (insuredValue: bigint) => number): number {
  let sum = 0;
  for (let i = 0; i < play.jobs; i++) sum += one(insuredOf(play));
  return sum / play.jobs;
}

/** The least stake that the contract takes the dearest claim for: nobody who cheats has more. */
const stakeOf = ({ economy }: Play) => stakeFor(exposureOf({ fee: splitFee(FEE, economy).executor, insuredValue: LARGE }, economy.sampleRate), economy.sampleRate, economy.bountyBps);
const loss = (play: Play, insuredValue: bigint) => forfeitFor(stakeOf(play), { fee: FEE, insuredValue }, play.economy);

/** What a false claim yields beyond an honest one; a liar that plays against itself has the bounties' share of its stake back. */
function falseClaim(play: Play, insuredValue: bigint, bountiesBack = false): number {
  if (!isDrawn(play)) return tokens(insuredValue) + WORK;
  const { forfeited, forBounties } = loss(play, insuredValue);
  return WORK - tokens(forfeited) + (bountiesBack ? tokens(forBounties) : 0);
}

type Player = (play: Play) => Omit<Strategy, 'name'>;
const dishonest = (profit: (play: Play) => number, detail: string): Player => (play) => ({ honest: false, expectedProfit: profit(play), detail });

const PLAYERS: Readonly<Record<string, Player>> = {
  'honest executor': ({ economy }) => ({ honest: true, expectedProfit: tokens(splitFee(FEE, economy).executor) - WORK, detail: 'fee share less the cost of computing' }),
  'honest challenger, no cheaters': (play) => ({
    honest: true,
    expectedProfit: average(play, () => (isDrawn(play) ? -WORK : 0)),
    detail: `paid checks are not on chain yet; the pool takes in ${tokens(splitFee(FEE, play.economy).pool)} a job, checks cost ${(WORK * Number(play.economy.sampleRate)) / Number(SAMPLE_RATE_ONE)}`,
  }),
  'honest challenger, one job in a thousand false': (play) => ({
    honest: true,
    expectedProfit: average(play, (value) => (isDrawn(play) ? (play.random.next() < 0.001 ? tokens(loss(play, value).bounty) : 0) - WORK : 0)),
    detail: 'bounties less the cost of computing',
  }),
  'random cheater': dishonest((play) => average(play, (value) => (play.random.next() < 0.5 ? falseClaim(play, value) : 0)), 'half of its claims false'),
  'targeted cheater': dishonest((play) => average(play, (value) => (value === LARGE ? falseClaim(play, value) : 0)), 'false where most is insured'),
  'lazy checker': dishonest(() => 0, 'checks nothing and is paid nothing: there is no pay without a conviction'),
  copier: dishonest(() => 0, 'copies verdicts; nothing pays for a verdict'),
  'colluding executor and challenger': dishonest(
    (play) => average(play, (value) => (value === LARGE ? falseClaim(play, value, true) : 0)),
    'its own challenger plays until the bounties’ share of the stake is back; the games cost nothing here',
  ),
  griefer: dishonest(({ economy, jobs }) => (-tokens(economy.bond) * 10) / jobs, 'ten games against honest claims lose ten bonds'),
  'coordinator that withholds': dishonest(({ jobs }) => -(2 * tokens(FEE) * 1_024) / jobs, 'a batch of 1,024 requested and not published: its charges from the bond, twice'),
  'coordinator that overcharges': dishonest(({ economy, jobs }) => {
    const charged = FEE * 1_024n;
    return (tokens(splitFee(charged, economy).executor) - 2 * tokens(charged)) / jobs;
  }, 'unsigned charges paid to an executor of its own, contested: refunded from the bond, and as much again'),
};

export function simulate(economy: Economy, { seed, jobs }: { seed: number; jobs: number }): Strategy[] {
  return Object.entries(PLAYERS).map(([name, player]) => ({ name, ...player({ economy, jobs, random: seededRandom(seed) }) }));
}

function main(): void {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, seed: { type: 'string', default: '42' }, jobs: { type: 'string', default: '100000' } } });
  const run = { seed: Number(values.seed), jobs: Number(values.jobs) };
  const strategies = simulate({ ...LIVE_PARAMETERS.batches, ...LIVE_PARAMETERS.disputes }, run);
  const rows = strategies.map((s) => `${s.name.padEnd(48)} ${s.honest ? 'honest   ' : 'dishonest'} ${s.expectedProfit.toFixed(6).padStart(12)}  ${s.detail}`);
  const wrong = strategies.filter((s) => (s.honest ? s.expectedProfit <= 0 : s.expectedProfit > 0)).map((s) => s.name);
  console.log(values.json ? JSON.stringify({ ...run, strategies, ok: wrong.length === 0, wrong }, null, 2) : [`seed ${run.seed}, ${run.jobs} jobs; expected profit per job in tokens`, ...rows, wrong.length === 0 ? 'as it should be' : `NOT AS IT SHOULD BE: ${wrong.join(', ')}`].join('\n'));
  if (wrong.length > 0) process.exitCode = 1;
}

main();
