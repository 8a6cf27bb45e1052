import type { Command } from 'commander';
import { EXIT } from '../exit-codes.js';
import type { Perform } from '../program.js';
import { ROWS, type Runner, type Tally } from '../runners.js';
import type { Terminal } from '../terminal.js';

export function addTest(program: Command, perform: Perform): void {
  program
    .command('test')
    .description('Run every test: contracts, TypeScript, end to end with real processes.')
    .addHelpText('after', '\nThe last line is always: N passed, N failed (and how many were skipped, if any were).\nExample:\n  assay test 2>/dev/null')
    .action((_: unknown, command: Command) => perform(command, testAll));
}

async function testAll(terminal: Terminal): Promise<number> {
  const tallies = (await Promise.all(ROWS.map((row) => testRow(row, terminal)))).flat();
  const sum = (key: 'passed' | 'failed' | 'skipped') => tallies.reduce((total, tally) => total + tally[key], 0);
  const total = { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
  // WHY again: between a failure and the end there may be half an hour of others' output.
  for (const { runner, failures } of tallies) for (const failure of failures) terminal.progress(`✗ ${runner}: ${failure}`);
  terminal.result({ ...total, runners: tallies }, countsText(total));
  return total.failed === 0 && total.passed > 0 ? EXIT.ok : EXIT.refused;
}

async function testRow(row: readonly Runner[], terminal: Terminal): Promise<Tally[]> {
  const tallies: Tally[] = [];
  for (const runner of row) {
    terminal.progress(`${runner.name} …`);
    const tally = await runner.run();
    tallies.push(tally);
    terminal.progress(`${runner.name}: ${countsText(tally)} in ${tally.seconds.toFixed(1)} s`);
  }
  return tallies;
}

function countsText(counts: { passed: number; failed: number; skipped: number }): string {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`;
}
