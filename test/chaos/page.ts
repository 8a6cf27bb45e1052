import { cpus } from 'node:os';
import type { Verdict } from './audit.js';

export interface Result extends Omit<Verdict, 'faults'> {
  readonly seed: number;
  readonly jobs: number;
  /** Strikes of any kind. */
  readonly kills: number;
  readonly planned: { readonly jobs: number; readonly kills: number };
  /** How many of each kind. */
  readonly strikes: Readonly<Record<string, number>>;
  readonly byGateway: number;
  readonly unanswered: number;
  readonly sentAgain: Readonly<Record<string, number>>;
  readonly endedByThemselves: readonly string[];
  readonly uncleanStops: readonly string[];
  readonly stormSeconds: number;
  readonly seconds: number;
  readonly cores: number;
}

/** bench/results/chaos.md */
export function page(result: Result): string {
  const { seed, jobs, kills, planned, strikes, seconds, stormSeconds, cores, byGateway } = result;
  const table = (rows: readonly (readonly [string, unknown])[]) => rows.map(([name, value]) => `| ${name} | ${String(value)} |`).join('\n');
  const part = jobs < planned.jobs || kills < planned.kills ? `\nIt ended at its deadline: ${jobs} of ${planned.jobs} jobs, ${kills} of ${planned.kills} strikes.\n` : '';
  const figures = ['lost', 'paidTwice', 'unpaid', 'honestSlashed', 'cheatersDrawn', 'cheatersCaught', 'lies', 'liesDrawn', 'batches', 'games', 'gamesOpen', 'unanswered'] as const;
  return `# Chaos

\`npm run test:chaos -- --json --save --seed ${seed} --jobs ${planned.jobs} --strikes ${planned.kills}\`, ${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model}, ${cores} cores, Node ${process.version}. What the figures mean: docs/adr/0115.
${part}
${jobs} jobs, ${byGateway} of them through the gateway, and ${kills} strikes in ${stormSeconds} s; at rest and audited after ${seconds} s.

| by the audit | |
| --- | --- |
${table(figures.map((name) => [name, result[name]]))}

| strike | times |
| --- | --- |
${table(Object.entries(strikes))}

Sent again, by what the caller was told: ${pairs(result.sentAgain)}.
Ended although nobody ended them: ${result.endedByThemselves.join(', ') || 'none'}. Did not stop well: ${result.uncleanStops.join(', ') || 'none'}.
`;
}

function pairs(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(', ') || 'nothing';
}
