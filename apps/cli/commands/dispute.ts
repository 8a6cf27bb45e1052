import type { Command } from 'commander';
import type { Hex } from 'viem';
import { listDisputes, readDispute, type DisputeRecord, type DisputeStage } from '#sdk';
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
    .description('One dispute: the bisection as a tree, every move with its gas, the operation it came down to, the verdict.')
    .addHelpText('after', '\nExample:\n  assay dispute show 0x5f…')
    .action((id: string, options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const record = await readDispute(await chainOf(options), id as Hex);
        terminal.result(record, showText(record));
      }),
    );
}

/** The bisection as a tree: each choice a branch of the one before. */
function treeText({ path, state, fault }: DisputeRecord): string {
  const branches = path.map((stage, level) => `${'   '.repeat(level)}└─ ${stageText(stage)}`);
  return ['the whole trace', ...branches, `${'   '.repeat(path.length)}└─ ${state}${fault === 'none' ? '' : `: ${fault}`}`].join('\n');
}

function stageText({ phase, value, depth, position, element, lowStep, highStep }: DisputeStage): string {
  if (phase === 'trace') return `trace node ${position}, ${depth} levels above the values`;
  if (phase === 'tensor') return `value ${value}: node ${position}, ${depth} levels above its chunks`;
  return `value ${value}, element ${element}: between step ${lowStep} and step ${highStep}`;
}

function listText(disputes: readonly DisputeRecord[]): string {
  return table(['dispute', 'state', 'fault', 'executor', 'moves', 'gas'], disputes.map((d) => [d.gameId, d.state, d.fault, d.executor, d.transactions.length, d.totalGas]));
}

function showText(d: DisputeRecord): string {
  const moves = table(['move', 'by', 'gas', 'execution gas', 'block', 'transaction'], d.transactions.map((t) => [t.move, t.by, t.gas, t.executionGas, t.block, t.txHash]));
  const head = [`dispute    ${d.gameId}`, `claim      ${d.claim}`, `job        ${d.jobId}`, `executor   ${d.executor}`, `challenger ${d.challenger}`, `state      ${d.state}${d.fault === 'none' ? '' : ` (${d.fault})`}`];
  const gas = `total ${d.totalGas} gas; dearest move ${d.maxMoveGas}, final step ${d.finalStepGas} (execution)`;
  return [...head, '', treeText(d), '', moves, gas, ...(d.finalStep ? ['', ...finalStepText(d.finalStep)] : [])].join('\n');
}
