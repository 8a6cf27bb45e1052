import { AssayError } from '#core/protocol';
import type { FeedFailure, PlayerEvent, Report } from './events.js';

/** The methods of a logger that reporting needs. */
export interface EventLog {
  info(facts: Record<string, unknown>, text: string): void;
  warn(facts: Record<string, unknown>, text: string): void;
}

/** Writes what a player does and sees to a log, under event names that others rely on. */
export function reportTo(log: EventLog): Report {
  return (event) => {
    const [level, name, text] = LINES[event.kind];
    log[level]({ event: name, ...factsOf(event) }, text);
  };
}

const LINES: Record<(PlayerEvent | FeedFailure)['kind'], readonly ['info' | 'warn', string, string]> = {
  joined: ['info', 'dispute.joined', 'a dispute concerns this account'],
  answered: ['info', 'dispute.answered', 'the other side moved'],
  moved: ['info', 'move.sent', 'moved'],
  withheld: ['warn', 'move.withheld', 'this process only watches: the move is left to somebody else'],
  ended: ['info', 'dispute.ended', 'the dispute is decided'],
  settled: ['info', 'settled', 'the dispute is paid out'],
  conceded: ['warn', 'dispute.conceded', 'nothing can be won here any more'],
  failed: ['warn', 'move.failed', 'a move did not go through'],
  traceless: ['warn', 'trace.missing', 'the run behind a claim cannot be had'],
  feedFailed: ['warn', 'chain.silent', 'the chain does not answer; trying again'],
};

function factsOf(event: PlayerEvent | FeedFailure): Record<string, unknown> {
  switch (event.kind) {
    case 'joined':
      return { ...about(event), claim: event.game.claim, executor: event.game.executor, challenger: event.game.challenger };
    case 'answered':
      return about(event);
    case 'moved':
      return { ...about(event), move: event.move, gas: event.gas, gasUsed: event.gas, ms: Math.round(event.millis) };
    case 'ended':
      return { ...about(event), winner: event.winner, fault: event.fault };
    case 'settled':
      return about(event);
    case 'withheld':
      return { gameId: event.gameId, by: event.role, move: event.move };
    case 'conceded':
      return { gameId: event.gameId, by: event.role, reason: event.reason };
    case 'failed':
      return { gameId: event.gameId, by: event.role, move: event.move, again: event.again, ...reasonOf(event.error) };
    case 'traceless':
      return { gameId: event.gameId, by: event.role, ...reasonOf(event.error) };
    case 'feedFailed':
      return reasonOf(event.error);
  }
}

function about({ gameId, role, block, tx }: Extract<PlayerEvent, { block: bigint }>): Record<string, unknown> {
  return { gameId, by: role, block, txHash: tx };
}

function reasonOf(error: unknown): Record<string, unknown> {
  if (error === undefined) return {};
  if (error instanceof AssayError) return { code: error.code, reason: error.message, facts: error.facts };
  return { reason: error instanceof Error ? error.message : String(error) };
}
