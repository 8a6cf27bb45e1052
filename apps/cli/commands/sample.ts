import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { tensorRoot, type Tensor } from '#core/hashing';
import { floats, tensorText } from '../answers.js';
import { pictureText } from '../demo/picture.js';
import { digitNumber } from '../inputs.js';
import type { Perform } from '../program.js';
import { photoTensor, readDigits } from '../samples.js';
import type { Terminal } from '../terminal.js';

interface SampleOptions {
  readonly out?: string;
}

const SIDE = 28;

export function addSample(program: Command, perform: Perform): void {
  const sample = program.command('sample').description('Inputs to try: show one, or write its tensor to a file for `run --input`.');
  sample
    .command('digit')
    .argument('<n>', 'which of the 1,000 handwritten digits', digitNumber)
    .option('--out <file>', 'write the tensor there')
    .addHelpText('after', '\nExample:\n  assay sample digit 7 --out seven.bin')
    .action((n: number, options: SampleOptions, command: Command) =>
      perform(command, async (terminal) => {
        const { tensor, label } = readDigits(n + 1)[n]!;
        const picture = pictureText(Uint8Array.from(floats(tensor)), SIDE).join('\n');
        await show(terminal, { tensor, out: options.out, facts: { digit: n, label }, text: `${picture}\nlabel ${label}` });
      }),
    );
  sample
    .command('photo <file>')
    .description('Prepare a photo as SqueezeNet wants it.')
    .option('--out <file>', 'write the tensor there')
    .addHelpText('after', '\nExample:\n  assay sample photo data/photos/kitten_224.png --out kitten.bin')
    .action((file: string, options: SampleOptions, command: Command) =>
      perform(command, async (terminal) => show(terminal, { tensor: await photoTensor(file), out: options.out, facts: { photo: file }, text: file })),
    );
}

async function show(terminal: Terminal, { tensor, out, facts, text }: { tensor: Tensor; out: string | undefined; facts: object; text: string }): Promise<void> {
  if (out) await writeFile(out, tensor.data);
  const root = tensorRoot(tensor);
  terminal.result({ ...facts, dtype: tensor.dtype, dims: tensor.dims, root, ...(out ? { file: out } : {}) }, `${text}\n${tensorText(tensor)}\nroot ${root}${out ? `\nwritten to ${out}` : ''}`);
}
