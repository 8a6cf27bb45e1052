import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Tensor } from '#core/hashing';
import { AssayError, formatReceipt, parseReceipt, type Receipt } from '#core/protocol';

/** Keeps what a job was and became: receipt.json, and each tensor as raw bytes. */
export async function saveJob(folder: string, job: { receipt: Receipt | undefined; inputs: readonly Tensor[]; outputs: readonly Tensor[] }): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (job.receipt) await writeFile(join(folder, 'receipt.json'), `${formatReceipt(job.receipt)}\n`);
  await Promise.all(job.inputs.map((tensor, i) => writeFile(join(folder, `input-${i}.bin`), tensor.data)));
  await Promise.all(job.outputs.map((tensor, i) => writeFile(join(folder, `output-${i}.bin`), tensor.data)));
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
