import type { Hex, Log } from 'viem';
import { claimDigest } from '#core/protocol';
import { follow } from '#core/dispute';
import { happeningOf, parseEvents } from '#io/chain';
import { seededRandom, type Random } from '#testing';
import { outcomeOf } from './files.js';
import { mutated } from './mutation.js';
import { Counter, type Tally } from './tally.js';

const SLOW_MS = 10_000;

/** Logs as an endpoint that lies could give them: read as players, coordinators and challengers read them. */
export function fuzzLogs(seed: number, cases: number, logs: readonly Log[]): Tally {
  const counter = new Counter(SLOW_MS);
  for (let i = 0; i < cases; i++) {
    const random = seededRandom(seed * 65_537 + i);
    const what = `log case ${i} (seed ${seed})`;
    const log = mutatedLog(random.pick(logs), random);
    const started = performance.now();
    const outcome = outcomeOf(() => read(log), (error) => counter.fault(`${what}: ${error}`));
    counter.note(outcome, performance.now() - started, what);
  }
  return counter.tally;
}

function read(log: Log): void {
  for (const event of parseEvents([log])) {
    const happening = happeningOf(event)?.happening;
    const known = happening && follow(undefined, happening);
    if (known) claimDigest({ chainId: 1, disputes: log.address }, known.claim);
  }
}

function mutatedLog(log: Log, random: Random): Log {
  const change = (hex: Hex): Hex => `0x${Buffer.from(mutated(Buffer.from(hex.slice(2), 'hex'), random)).toString('hex')}`;
  if (random.next() < 0.7) return { ...log, data: change(log.data) };
  const at = random.between(0, log.topics.length);
  const topics = random.next() < 0.5 ? log.topics.map((topic, i) => (i === at ? change(topic!) : topic)) : log.topics.filter((_, i) => i !== at);
  return { ...log, topics: topics as Log['topics'] };
}
