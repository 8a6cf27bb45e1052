import { InvalidArgumentError, type Command } from 'commander';
import type { NetworkStatus } from '#io/rpc';
import { tokens } from '../amounts.js';
import { withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { firstSignal } from '../signals.js';
import { table } from '../terminal.js';

interface MonitorOptions extends PlaceOptions {
  readonly count?: number;
}

export function addMonitor(program: Command, perform: Perform): void {
  withPlace(program.command('monitor'))
    .description('Watch the network: who is there, jobs by state, recent batches, open disputes. Goes on until Ctrl-C.')
    .option('--count <n>', 'end after so many views; 1 shows how it is now', positive)
    .addHelpText('after', '\nWith --json, one document a line.\n\nExamples:\n  assay monitor\n  assay monitor --count 1\n  assay monitor --json --url 127.0.0.1:50051')
    .action((options: MonitorOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const { signal } = firstSignal();
          let left = options.count ?? Infinity;
          for await (const status of assay.client.watchStatus({ signal })) {
            const at = new Date().toISOString();
            // WHY: whoever looks at a terminal wants one picture, whoever keeps the output every one.
            const clear = process.stdout.isTTY && options.count === undefined ? '\u001b[2J\u001b[H' : '';
            terminal.event({ at, ...status }, `${clear}${at}\n${viewOf(status)}\n`);
            if (--left <= 0) return;
          }
        }),
      ),
    );
}

function viewOf({ peers, jobs, batchesRecent, openDisputes, price, coordinator }: NetworkStatus): string {
  const parts = [
    `coordinator ${coordinator}, ${tokens(price)} a job, ${openDisputes} open ${openDisputes === 1 ? 'dispute' : 'disputes'}`,
    table(['role', 'address', 'version', 'running', 'of'], peers.map((peer) => [peer.role, peer.address, peer.version, peer.running, peer.capacity])),
    table(['jobs', 'count'], Object.entries(jobs)),
    table(['batch', 'claims', 'state', 'root'], batchesRecent.map((batch) => [batch.batchId, batch.count, batch.state, batch.root])),
  ];
  return parts.join('\n\n');
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('not a whole number above 0');
  return Number(text);
}
