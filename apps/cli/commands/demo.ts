import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { FAULTS, type Fault } from '#testing';
import { AssayError } from '#core/protocol';
import { forget, playDemo, startDemoNetwork } from '../demo/demo.js';
import type { DemoDocument } from '../demo/document.js';
import { EXIT } from '../exit-codes.js';
import type { Perform } from '../program.js';
import { SAMPLE_MODELS, type SampleModel } from '../sample-models.js';
import { firstSignal, untilAborted } from '../signals.js';
import type { Terminal } from '../terminal.js';

interface DemoCommandOptions {
  readonly model: SampleModel;
  readonly photo?: string;
  readonly fault: Fault;
  readonly keep?: boolean;
}

export function addDemo(program: Command, perform: Perform): void {
  program
    .command('demo')
    .description('The whole story with real parts: answers, a lie, a dispute, a verdict, the right answer.')
    .addOption(new Option('--model <name>', 'what is asked').choices(SAMPLE_MODELS).default('mnist'))
    .option('--photo <file>', 'with --model squeezenet: this photo instead of the kitten')
    .addOption(new Option('--fault <kind>', 'how executor-2 lies').choices(FAULTS).default('wrong-partial-sum'))
    .option('--keep', 'leave the network up until Ctrl-C')
    .addHelpText('after', '\nExits with 0 only if all of it happened: the liar slashed, the honest one not, the right answer given.\n\nExamples:\n  assay demo\n  assay demo --model squeezenet --photo data/photos/kitten_224.png\n  assay demo --json > story.json')
    .action((options: DemoCommandOptions, command: Command) => perform(command, (terminal) => demo(terminal, options)));
}

async function demo(terminal: Terminal, { model, photo, fault, keep }: DemoCommandOptions): Promise<number> {
  if (photo && model !== 'squeezenet') throw new AssayError({ code: 'USAGE', message: '--photo needs --model squeezenet' });
  const interrupted = firstSignal().signal;
  const dir = mkdtempSync(join(tmpdir(), 'assay-demo-'));
  const options = { dir, model, fault, say: terminal.json ? terminal.progress : terminal.line, progress: terminal.progress, ...(photo ? { photo } : {}) };
  const network = await startDemoNetwork(options);
  try {
    const document = await Promise.race([playDemo(options, network), untilAborted(interrupted)]);
    if (!document) return EXIT.interrupted;
    terminal.result(document, conclusion(document, keep ? dir : undefined));
    if (keep) {
      terminal.progress('the network stays up; Ctrl-C stops it');
      await untilAborted(interrupted);
    }
    return document.ok ? EXIT.ok : EXIT.refused;
  } finally {
    terminal.progress('stopping the network …');
    await network.stop();
    await forget(network);
  }
}

function conclusion(document: DemoDocument, dir: string | undefined): string {
  if (!document.ok) return ['This did not go as it should:', ...document.problems.map((problem) => `  ✗ ${problem}`)].join('\n');
  const [first] = document.disputes;
  const figures = first ? `First dispute: ${first.transactions.length} transactions, ${first.totalGas} gas, dearest move ${first.maxMoveGas}, final step ${first.finalStepGas} (execution gas), ${(first.wallMs / 1000).toFixed(1)} s.` : '';
  const next = dir
    ? [`Look around: ./assay dispute show ${first?.gameId ?? 'ID'} --dir ${dir}`, `             ./assay job get ${document.answers[0]?.jobId} --dir ${dir}`, `             logs in ${join(dir, 'logs')}`]
    : ['Look around: ./assay demo --keep leaves the network up; ./assay up starts one of your own; ARCHITECTURE.md says what you saw.'];
  return [figures, 'The liar paid, the honest executor did not, every answer that stands is right.', ...next].join('\n');
}
