import type { Command } from 'commander';
import { isHex } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import type { Assay } from '#sdk';
import { tokens } from '../amounts.js';
import { tensorText } from '../answers.js';
import { withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';

type RemoteJob = Awaited<ReturnType<Assay['job']>>;

export function addJob(program: Command, perform: Perform): void {
  const job = program.command('job').description('Look at jobs.');
  withPlace(job.command('get <id>'))
    .description('A job with its state, outputs and claim.')
    .addHelpText('after', '\nExample:\n  assay job get 0x1c… --json')
    .action((id: string, options: PlaceOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const found = await assay.job(rootOf(id));
          terminal.result(found, textOf(found));
        }),
      ),
    );
}

/** @throws AssayError USAGE */
export function rootOf(id: string): Root {
  if (isHex(id) && id.length === 66) return id.toLowerCase() as Root;
  throw new AssayError({ code: 'USAGE', message: `${id} is not an id of 32 bytes: 0x and 64 hex digits` });
}

function textOf(job: RemoteJob): string {
  const rows = [
    ['job', job.jobId],
    ['state', job.state],
    ['model', job.modelId],
    ['fee', tokens(job.fee)],
    ['accepted', job.acceptedAt.toISOString()],
    ['changed', job.updatedAt.toISOString()],
    ['executor', job.executor],
    ['batch', job.batchId?.toString()],
    ['failure', job.failure && `${job.failure.code}: ${job.failure.message}`],
    ...job.outputs.map((tensor, i) => [`output ${i}`, tensorText(tensor)]),
  ];
  return rows.filter(([, value]) => value !== undefined).map(([name, value]) => `${name!.padEnd(9)} ${value}`).join('\n');
}
