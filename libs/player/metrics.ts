import { Counter, Gauge, type Registry } from 'prom-client';
import { clockOf, expiresAt, mover } from '#core/dispute';
import type { OwnGame } from './book.js';
import type { Report } from './events.js';
import type { Player } from './player.js';

/** Counts what a player reports, and passes it on. */
export function countReports(registry: Registry, report: Report): Report {
  const registers = [registry];
  const moves = new Counter({ name: 'assay_player_moves_total', help: 'Moves made in disputes', labelNames: ['move'], registers });
  const gas = new Counter({ name: 'assay_player_gas_total', help: 'Gas of the moves made', registers });
  const failures = new Counter({ name: 'assay_player_failures_total', help: 'Moves that did not go through, by what follows', labelNames: ['again'], registers });
  const withheld = new Counter({ name: 'assay_player_withheld_moves_total', help: 'Moves not made because this process only watches', labelNames: ['move'], registers });
  const ended = new Counter({ name: 'assay_player_ended_games_total', help: 'Disputes decided', labelNames: ['result'], registers });
  return (event) => {
    if (event.kind === 'moved') (moves.inc({ move: event.move }), gas.inc(Number(event.gas)));
    if (event.kind === 'failed') failures.inc({ again: event.again });
    if (event.kind === 'withheld') withheld.inc({ move: event.move });
    if (event.kind === 'ended') ended.inc({ result: event.winner === event.role ? 'won' : 'lost' });
    report(event);
  };
}

/** Gauges that look at the player when they are read. */
export function watchGames(registry: Registry, player: Pick<Player, 'games'>): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) => new Gauge({ name, help, registers, collect() { this.set(value()); } });
  gauge('assay_player_open_games', 'Disputes of this account that are not settled', () => player.games().length);
  gauge('assay_player_unanswered_games', 'Disputes that wait for this account’s move', () => unanswered(player).length);
  gauge('assay_player_next_deadline_seconds', 'Time (seconds since 1970) at which the first of those is lost; 0 if there is none', () => Number(firstDeadline(unanswered(player)) ?? 0n));
}

export interface AlarmOptions {
  /** Every game that waits for this account is an alarm: nobody else is going to answer it. */
  readonly watchOnly: boolean;
  /** Seconds since 1970. */
  readonly now: () => bigint;
}

/** What is wrong with the state of the disputes, for a health check: a move that is not made, or late. */
export function disputeAlarm(player: Pick<Player, 'games'>, { watchOnly, now }: AlarmOptions): string | undefined {
  const time = now();
  const waiting = unanswered(player).filter((own) => watchOnly || isLate(own, time));
  if (waiting.length === 0) return undefined;
  return `${waiting.length} ${waiting.length === 1 ? 'dispute waits' : 'disputes wait'} for a move of this account; the first clock ends at ${firstDeadline(waiting)} (now ${time})`;
}

/** More than half of the clock is gone. */
function isLate({ known: { game }, role }: OwnGame, now: bigint): boolean {
  return (now - game.movedAt) * 2n > BigInt(clockOf(game, role));
}

function unanswered(player: Pick<Player, 'games'>): OwnGame[] {
  return player.games().filter(({ known, role }) => mover(known.game) === role);
}

function firstDeadline(games: readonly OwnGame[]): bigint | undefined {
  return games.map(({ known }) => expiresAt(known.game)).reduce<bigint | undefined>((first, at) => (first === undefined || at < first ? at : first), undefined);
}
