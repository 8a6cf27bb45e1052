import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Tensor } from '#core/hashing';
import { AssayError, formatReceipt, parseReceipt, type Receipt } from '#core/protocol';
import { writeNpy } from './npy.js';

/** Keeps what a job was and became: receipt.json, and each tensor as raw bytes and for NumPy. */
export async function saveJob(folder: string, job: { receipt: Receipt | undefined; inputs: readonly Tensor[]; outputs: readonly Tensor[] }): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (job.receipt) await writeFile(join(folder, 'receipt.json'), `${formatReceipt(job.receipt)}\n`);
  await Promise.all([...job.inputs.map((tensor, i) => saveTensor(join(folder, `input-${i}`), tensor)), ...job.outputs.map((tensor, i) => saveTensor(join(folder, `output-${i}`), tensor))]);
}

async function saveTensor(file: string, tensor: Tensor): Promise<void> {
  await Promise.all([writeFile(`${file}.bin`, tensor.data), writeFile(`${file}.npy`, writeNpy(tensor))]);
}

/** Names of the input files that `saveJob` put beside a receipt. */
export function inputsBeside(receiptFile: string, count: number): string[] | undefined {
  const files = Array.from({ length: count }, (_, i) => join(dirname(receiptFile), `input-${i}.bin`));
  return files.every((file) => existsSync(file)) ? files : undefined;
}

/** @throws AssayError FILE_UNREADABLE, RECEIPT_MALFORMED */
export async function readReceipt(file: string): Promise<Receipt> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} cannot be read`, facts: { file }, cause });
  });
  return parseReceipt(text);
}
