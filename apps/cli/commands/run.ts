import { InvalidArgumentError, Option, type Command } from 'commander';
import { isHex } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { AssayError, formatReceipt, VERIFICATION } from '#core/protocol';
import type { Answered, Assay, RequestOptions } from '#sdk';
import { amount } from '../amounts.js';
import { floats, tensorText } from '../answers.js';
import { readInputs, withInputs, type InputOptions } from '../inputs.js';
import { saveJob } from '../job-files.js';
import { withAssay, withPlace, type PlaceOptions } from '../place.js';
import type { Perform } from '../program.js';
import { answerOf, isSampleModel } from '../sample-models.js';

interface RunOptions extends PlaceOptions, InputOptions {
  readonly maxFee?: bigint;
  readonly insure?: bigint;
  readonly verification: keyof typeof VERIFICATION;
  readonly redundancy?: number;
  readonly save?: string;
}

export function addRun(program: Command, perform: Perform): void {
  withInputs(withPlace(program.command('run <model>')))
    .description('Submit a job and print its answer. The model is an id or a name.')
    .option('--max-fee <tokens>', 'highest fee', amount)
    .option('--insure <tokens>', 'paid to you out of the stake if the answer is proven wrong', amount)
    .addOption(new Option('--verification <kind>', 'how much checking before the answer counts').choices(Object.keys(VERIFICATION)).default('optimistic'))
    .option('--redundancy <n>', 'executors that must agree, with --verification redundant', count)
    .option('--save <folder>', 'write receipt and tensors there, as .bin and .npy')
    .addHelpText('after', '\nExamples:\n  assay run mnist --digit 7\n  assay run squeezenet --photo data/photos/kitten_224.png --save kitten\n  assay run 0x3f… --input a.npy b.json --json\n  python3 -c "…" | assay run mnist --input - --save out')
    .action((model: string, options: RunOptions, command: Command) =>
      perform(command, (terminal) =>
        withAssay(options, async (assay) => {
          const started = Date.now();
          const answered = await submit(assay, model, options);
          const ms = Date.now() - started;
          if (options.save) await saveJob(options.save, answered);
          const label = labelOf(model, answered.outputs);
          terminal.result(documentOf(answered, label, ms), textOf(answered, label, ms));
        }),
      ),
    );
}

async function submit(assay: Assay, name: string, options: RunOptions): Promise<Answered> {
  const reference = isHex(name) ? { modelId: name as Root } : { name };
  const model = await assay.model(reference);
  const inputs = await readInputs(options, model.inputs as Parameters<typeof readInputs>[1]);
  return assay.submit({ model: model.modelId, inputs, ...requestOptions(options) });
}

function requestOptions(options: RunOptions): RequestOptions {
  if (options.redundancy !== undefined && options.verification !== 'redundant') throw new AssayError({ code: 'USAGE', message: '--redundancy needs --verification redundant' });
  return {
    verification: options.verification,
    ...(options.maxFee === undefined ? {} : { maxFee: options.maxFee }),
    ...(options.insure === undefined ? {} : { insuredValue: options.insure }),
    ...(options.verification === 'redundant' ? { redundancy: options.redundancy ?? 2 } : {}),
  };
}

/** In words, for the sample models. */
function labelOf(model: string, outputs: readonly Tensor[]): string | undefined {
  return isSampleModel(model) && outputs[0]?.dtype === 'float32' ? answerOf(model, floats(outputs[0])).text : undefined;
}

function documentOf(answered: Answered, label: string | undefined, ms: number) {
  const { jobId, executor, claim, outputs, receipt } = answered;
  return { jobId, executor, ...(label ? { label } : {}), ms, claim, outputs, receipt: receipt && (JSON.parse(formatReceipt(receipt)) as unknown) };
}

function textOf({ jobId, executor, outputs, claim }: Answered, label: string | undefined, ms: number): string {
  const lines = [
    ...(label ? [`answer    ${label}`] : []),
    ...outputs.map((tensor, i) => `output ${i}  ${tensorText(tensor)}`),
    `executor  ${executor} (signed output root ${claim.outputRoot})`,
    `job       ${jobId}, ${ms} ms`,
    `next      assay job get ${jobId}`,
  ];
  return lines.join('\n');
}

function count(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1 || n > 16) throw new InvalidArgumentError('not a whole number from 1 to 16');
  return n;
}
