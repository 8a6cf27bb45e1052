import type { Command } from 'commander';
import type { Hex } from 'viem';
import { listDisputes, readDispute, type DisputeRecord } from '#sdk';
import { finalStepText } from '../dispute-text.js';
import { chainOf, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';

export function addDispute(program: Command, perform: Perform): void {
  const dispute = program.command('dispute').description('Look at disputes: read from the chain alone.');
  withPlace(dispute.command('list'))
    .description('Every dispute so far.')
    .addHelpText('after', '\nExample:\n  assay dispute list --json')
    .action((options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const disputes = await listDisputes(await chainOf(options));
        terminal.result({ disputes }, disputes.length === 0 ? 'no disputes' : listText(disputes));
      }),
    );
  withPlace(dispute.command('show <id>'))
    .description('One dispute: every move with its gas, the operation it came down to, the verdict.')
    .addHelpText('after', '\nExample:\n  assay dispute show 0x5f…')
    .action((id: string, options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const record = await readDispute(await chainOf(options), id as Hex);
        terminal.result(record, showText(record));
      }),
    );
}

function listText(disputes: readonly DisputeRecord[]): string {
  return table(['dispute', 'state', 'fault', 'executor', 'moves', 'gas'], disputes.map((d) => [d.gameId, d.state, d.fault, d.executor, d.transactions.length, d.totalGas]));
}

function showText(d: DisputeRecord): string {
  const moves = table(['move', 'by', 'gas', 'execution gas', 'block', 'transaction'], d.transactions.map((t) => [t.move, t.by, t.gas, t.executionGas, t.block, t.txHash]));
  const head = [`dispute    ${d.gameId}`, `claim      ${d.claim}`, `job        ${d.jobId}`, `executor   ${d.executor}`, `challenger ${d.challenger}`, `state      ${d.state}${d.fault === 'none' ? '' : ` (${d.fault})`}`];
  const gas = `total ${d.totalGas} gas; dearest move ${d.maxMoveGas}, final step ${d.finalStepGas} (execution)`;
  return [...head, '', moves, gas, ...(d.finalStep ? ['', ...finalStepText(d.finalStep)] : [])].join('\n');
}
