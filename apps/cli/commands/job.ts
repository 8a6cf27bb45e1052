import { InvalidArgumentError, Option, type Command } from 'commander';
import { isHex } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, JOB_STATES, type JobState } from '#core/protocol';
import type { Assay } from '#sdk';
import { tokens } from '../amounts.js';
import { tensorText } from '../answers.js';
import { withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { table } from '../terminal.js';
import { addCharges } from './charges.js';

type RemoteJob = Awaited<ReturnType<Assay['job']>>;

export function addJob(program: Command, perform: Perform): void {
  const job = program.command('job').description('Look at jobs, list and cancel your own, contest what they were charged.');
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
  addList(job, perform);
  addCancel(job, perform);
  addCharges(job, perform);
}

interface ListOptions extends PlaceOptions {
  readonly state?: readonly JobState[];
  readonly limit: number;
  readonly page?: string;
}

function addList(job: Command, perform: Perform): void {
  withPlace(job.command('list'))
    .description('Your own jobs, newest first.')
    .addOption(new Option('--state <states...>', 'only jobs in these states').choices(JOB_STATES))
    .addOption(new Option('--limit <n>', 'how many').argParser(pageLimit).default(20))
    .option('--page <token>', 'the page after the one that ended with this token')
    .addHelpText('after', '\nExamples:\n  assay job list --limit 5\n  assay job list --state failed expired --json')
    .action((options: ListOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const { items, nextPageToken } = await assay.jobs({ limit: options.limit, pageToken: options.page, states: options.state ?? [] });
          const rows = items.map(({ jobId, state, modelId, fee, acceptedAt }) => [jobId, state, `${modelId.slice(0, 10)}…`, tokens(fee), acceptedAt.toISOString()]);
          const more = nextPageToken ? `\nmore: --page ${nextPageToken}` : '';
          terminal.result({ jobs: items, ...(nextPageToken ? { nextPageToken } : {}) }, `${rows.length === 0 ? 'no jobs' : table(['job', 'state', 'model', 'fee', 'accepted'], rows)}${more}`);
        }),
      ),
    );
}

function addCancel(job: Command, perform: Perform): void {
  withPlace(job.command('cancel <id>'))
    .description('Give up a job of yours that has no answer yet; nothing is charged.')
    .addHelpText('after', '\nExample:\n  assay job cancel 0x1c…')
    .action((id: string, options: PlaceOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const cancelled = await assay.cancel(rootOf(id));
          terminal.result(cancelled, textOf(cancelled));
        }),
      ),
    );
}

/** @throws AssayError USAGE */
export function rootOf(id: string): Root {
  if (isHex(id) && id.length === 66) return id.toLowerCase() as Root;
  throw new AssayError({ code: 'USAGE', message: `${id} is not an id of 32 bytes: 0x and 64 hex digits` });
}

function pageLimit(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 100) throw new InvalidArgumentError('not a whole number from 1 to 100');
  return n;
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
