import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { AssayError, formatReceipt, type Receipt, type ReceiptVerdict } from '#core/protocol';
import type { Assay, Replay } from '#sdk';
import { verifyOnChain } from '#sdk';
import { tensorText } from '../answers.js';
import { EXIT } from '../exit-codes.js';
import { readInputs, withInputs, type InputOptions } from '../inputs.js';
import { inputsBeside, readReceipt } from '../job-files.js';
import { chainOf, withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import type { Terminal } from '../terminal.js';
import { rootOf } from './job.js';

interface GetOptions extends PlaceOptions {
  readonly out?: string;
}

export function addReceipt(program: Command, perform: Perform): void {
  const receipt = program.command('receipt').description('Fetch, verify and replay receipts.');
  withPlace(receipt.command('get <job>'))
    .description("A job's receipt, as far as it exists: signatures at once, inclusion once its batch is on chain.")
    .option('--out <file>', 'write it there')
    .addHelpText('after', '\nExample:\n  assay receipt get 0x1c… --out receipt.json')
    .action((job: string, options: GetOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const found = await receiptOf(assay, job);
          if (options.out) await writeFile(options.out, `${formatReceipt(found)}\n`);
          terminal.result(JSON.parse(formatReceipt(found)), options.out ? `written to ${options.out}` : formatReceipt(found));
        }),
      ),
    );
  withPlace(receipt.command('verify <file>'))
    .description('Check signatures, inclusion and finality against the chain; asks no coordinator.')
    .addHelpText('after', '\nExample:\n  assay receipt verify receipt.json')
    .action((file: string, options: PlaceOptions, command: Command) =>
      perform(command, async (terminal) => {
        const verdict = await verifyOnChain(await readReceipt(file), await chainOf(options));
        terminal.result(verdict, verdictText(verdict));
        return verdict.ok ? EXIT.ok : EXIT.refused;
      }),
    );
  withInputs(withPlace(receipt.command('replay <file>')))
    .description('Run the job again on this machine and compare. Inputs: as for `run`, else the files that `run --save` put beside the receipt, else what the coordinator keeps for its submitter.')
    .addHelpText('after', '\nExamples:\n  assay receipt replay kitten/receipt.json\n  assay receipt replay receipt.json --digit 7')
    .action((file: string, options: PlaceOptions & InputOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const replay = await replayFile(assay, file, { ...options, bar: terminal.bar('model') });
          terminal.result(replay, replayText(replay));
          return replay.ok ? EXIT.ok : EXIT.refused;
        }),
      ),
    );
}

async function receiptOf(assay: Assay, job: string): Promise<Receipt> {
  const { receipt, state } = await assay.job(rootOf(job));
  if (!receipt) throw new AssayError({ code: 'JOB_PENDING', message: 'there is no receipt yet', facts: { job, state } });
  return receipt;
}

async function replayFile(assay: Assay, file: string, options: InputOptions & { readonly bar: ReturnType<Terminal['bar']> }): Promise<Replay> {
  const receipt = await readReceipt(file);
  const { inputs: signature, bytes } = await assay.model({ modelId: receipt.claim.message.modelId });
  const given = options.digit ?? options.photo ?? options.input;
  const beside = given === undefined ? inputsBeside(file, signature.length) : undefined;
  const onProgress = (done: number) => options.bar(done, bytes);
  if (given === undefined && !beside) return assay.replay(receipt, undefined, onProgress);
  const inputs = await readInputs(beside ? { input: beside } : options, signature as Parameters<typeof readInputs>[1]);
  return assay.replay(receipt, inputs, onProgress);
}

export function verdictText(verdict: ReceiptVerdict): string {
  const checks = verdict.checks.map((check) => `${check.ok ? '✓' : '✗'} ${check.name.padEnd(18)} ${check.detail}`);
  return [...checks, `${verdict.ok ? 'valid' : 'NOT VALID'}, ${verdict.finality}`].join('\n');
}

export function replayText(replay: Replay): string {
  const verdict = replay.ok ? 'the same bytes' : 'OTHER BYTES';
  return [`claimed  ${replay.claimed}`, `computed ${replay.computed}`, ...replay.outputs.map((tensor, i) => `output ${i} ${tensorText(tensor)}`), verdict].join('\n');
}
