import { formatLog, type Address, type Log } from 'viem';
import { asAssayError, AssayError, claimDigest } from '#core/protocol';
import { follow, type Known } from '#core/dispute';
import { chainError, happeningOf, parseEvents, type ChainEvent } from '#io/chain';
import { seededRandom, type Random } from '#testing';
import { outcomeOf, type Began } from './files.js';
import { hostileLog, someLog, type RawLog } from './logs.js';
import { Counter, type Tally } from './tally.js';

const SLOW_MS = 10_000;
const DISPUTES: Address = `0x${'d1'.repeat(20)}`;
const HASH = `0x${'77'.repeat(32)}` as const;

/** Runs of logs as an endpoint that lies could give them, of which some say what no contract would: read as players, coordinators and challengers read them. */
export async function fuzzLogs(seed: number, cases: number, began: Began): Promise<Tally> {
  const counter = new Counter(SLOW_MS);
  for (let i = 0; i < cases; i++) {
    const random = seededRandom(seed * 65_537 + i);
    const what = `log case ${i} (seed ${seed})`;
    const logs = hostileRun(random);
    began(what);
    const started = performance.now();
    let left = 0;
    const outcome = await outcomeOf(() => (left = logs.length - readEvents(parseEvents(logs.map(formatted))).length), (error) => counter.fault(`${what}: ${error}`));
    counter.note(outcome === 'taken' && left > 0 ? 'left out' : outcome, performance.now() - started, what);
  }
  return counter.tally;
}

/** As the chain's client does it. */
function formatted(log: RawLog): Log {
  try {
    return formatLog(log as never);
  } catch (error) {
    throw chainError(error, 'eth_getLogs');
  }
}

/** One log that is wrong, among some that are not; now and then in another order, or twice. */
function hostileRun(random: Random): RawLog[] {
  const logs = Array.from({ length: random.between(1, 5) }, (_, index) => someLog(random, { block: BigInt(random.between(1, 4)), hash: HASH, index }));
  const at = random.between(0, logs.length);
  const run = logs.with(at, hostileLog(logs[at]!, random));
  return random.pick([run, run, run.toReversed(), [...run, ...run]]);
}

/** What whoever follows the chain makes of events. */
export function readEvents(events: readonly ChainEvent[]): readonly ChainEvent[] {
  const games = new Map<string, Known | undefined>();
  for (const event of events) {
    const told = happeningOf(event);
    if (!told) continue;
    const known = follow(games.get(told.gameId), told.happening);
    if (known) claimDigest({ chainId: 1, disputes: DISPUTES }, known.claim);
    games.set(told.gameId, known);
  }
  return events;
}

/** The code of what was thrown; a fault of ours if it has none. */
export function codeOf(error: unknown, onFault: (text: string) => void): string {
  if (!(error instanceof AssayError) || error.kind === 'broken') onFault((error as Error).stack ?? String(error));
  return asAssayError(error).code;
}
