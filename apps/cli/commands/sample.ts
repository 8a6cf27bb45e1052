import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { isAddress, isHash } from 'viem';
import { AssayError, drawHash, isDrawnForClaim } from '#core/protocol';
import { EXIT } from '../exit-codes.js';
import { chainOf, withPlace, type PlaceOptions } from '../place.js';
import { tensorRoot, type Root, type Tensor } from '#core/hashing';
import { floats, tensorText } from '../answers.js';
import { pictureText } from '../demo/picture.js';
import { digitNumber } from '../inputs.js';
import type { Perform } from '../program.js';
import { photoTensor, readDigits } from '../samples.js';
import type { Terminal } from '../terminal.js';

interface SampleOptions {
  readonly out?: string;
}

interface DrawOptions extends PlaceOptions {
  readonly batch?: bigint;
  readonly challenger?: string;
  readonly verify?: string;
  readonly claim?: Root;
}

const SIDE = 28;

export function addSample(program: Command, perform: Perform): void {
  const sample = withPlace(program.command('sample'))
    .description('Who must re-run which jobs of a batch (--batch, --challenger); or inputs to try: show one, or write its tensor to a file for `run --input`.')
    .option('--batch <n>', 'batch to draw', BigInt)
    .option('--challenger <address>', 'challenger to draw for')
    .option('--claim <digest>', 'whether this claim falls to the challenger by its seat for paid checks', digestArgument)
    .option('--verify <indices>', 'compare with this draw, as 1,5,9; exit 1 if it is another')
    .action((options: DrawOptions, command: Command) => perform(command, (terminal) => draw(terminal, options)));
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

function digestArgument(text: string): Root {
  if (!isHash(text)) throw new InvalidArgumentError(`"${text}" is not 32 bytes of hex`);
  return text;
}

/** Everything a stranger needs to draw again: the beacon and where it is from, the rate, the hash of every index. */
async function draw(terminal: Terminal, { batch: batchId, challenger, verify, claim, ...place }: DrawOptions): Promise<number> {
  if (batchId === undefined || !challenger || !isAddress(challenger, { strict: false })) throw new AssayError({ code: 'USAGE', message: 'a draw needs --batch and --challenger with an address' });
  const chain = await chainOf(place);
  const batch = await chain.batches.batch(batchId);
  if (batch.count === 0) throw new AssayError({ code: 'USAGE', message: `there is no batch ${batchId}`, facts: { batches: await chain.batches.batchCount() } });
  const beacon = await chain.beacon(batchId);
  if (!beacon) throw new AssayError({ code: 'STATE_CONFLICT', message: `the beacon's block of batch ${batchId} is not mined yet` });
  const hashes = Array.from({ length: batch.count }, (_, index) => drawHash(beacon, challenger, BigInt(index)));
  const rate = BigInt(batch.sampleRate);
  const indices = hashes.flatMap((hash, index) => (BigInt(hash) >> 224n < rate ? [index] : []));
  const proof = indices.map((index) => ({ index, hash: hashes[index]! }));
  const since = await chain.checks.seatedAt(challenger);
  const seated = since > 0n && since < batch.committedBlock;
  const matches = verify === undefined ? undefined : verify === indices.join(',');
  const rule = 'drawn iff the top 32 bits of keccak256(abi.encode(beacon, challenger, index)) are below the rate; indices count claims by ascending digest; with a seat by keccak256(abi.encode(beacon, challenger, claimDigest))';
  const byClaim = claim === undefined ? {} : { claim, falls: isDrawnForClaim(beacon, challenger, { claim, rate }) };
  const document = { batchId, root: batch.root, count: batch.count, challenger, beaconBlock: batch.committedBlock + BigInt(batch.beaconDelay), beacon, rate, indices, proof, seated, ...byClaim, rule, ...(matches === undefined ? {} : { matches }) };
  const text = [`batch ${batchId}, ${batch.count} claims, root ${batch.root}`, `beacon ${beacon} (prevrandao of block ${document.beaconBlock})`, `rate ${rate} of 2^32`, `drawn ${indices.join(', ') || 'none'}`, ...proof.map(({ index, hash }) => `  ${index}  ${hash}`), ...(seated ? ['has a seat for paid checks: drawn by claim'] : []), ...(byClaim.claim ? [`claim ${byClaim.claim} ${byClaim.falls ? 'falls' : 'does not fall'} to it by its seat`] : []), rule];
  terminal.result(document, [...text, ...(matches === undefined ? [] : [matches ? 'the draw given is right' : 'the draw given is WRONG'])].join('\n'));
  return matches === false ? EXIT.refused : EXIT.ok;
}

async function show(terminal: Terminal, { tensor, out, facts, text }: { tensor: Tensor; out: string | undefined; facts: object; text: string }): Promise<void> {
  if (out) await writeFile(out, tensor.data);
  const root = tensorRoot(tensor);
  terminal.result({ ...facts, dtype: tensor.dtype, dims: tensor.dims, root, ...(out ? { file: out } : {}) }, `${text}\n${tensorText(tensor)}\nroot ${root}${out ? `\nwritten to ${out}` : ''}`);
}
