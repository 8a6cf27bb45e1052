import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { byteLength, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, claimSchema, requestSchema, tensorPayloadSchema, type Claim } from '#core/protocol';
import { decodeMessage, encodeMessage } from '#io/messaging';
import { FAULTS } from '../config.js';

const entrySchema = z.strictObject({
  claim: claimSchema,
  signature: z.custom<`0x${string}`>((v) => typeof v === 'string' && /^0x[0-9a-f]{1,8192}$/i.test(v)),
  request: requestSchema,
  /** Headers of the inputs, each with its root as `object`; the data is in a file of that name. */
  inputs: z.array(tensorPayloadSchema),
  /** How the answer was made: needed to present the same trace again. */
  fault: z.enum(FAULTS),
});

export type LedgerEntry = z.infer<typeof entrySchema>;

/**
 * Every claim this executor ever signed, with the inputs to defend it, on disk. Content-addressed files, each complete or
 * not there at all.
 * INVARIANT: at most one claim per job, across restarts and concurrent calls.
 */
export class ClaimLedger {
  private constructor(private readonly dir: string) {}

  static async open(dataDir: string): Promise<ClaimLedger> {
    for (const folder of ['claims', 'tensors']) await mkdir(join(dataDir, folder), { recursive: true });
    return new ClaimLedger(dataDir);
  }

  /** The entry of a job, if a claim was ever signed for it. */
  async find(jobId: Root): Promise<LedgerEntry | undefined> {
    const bytes = await readIfThere(this.claimFile(jobId));
    return bytes && decodeMessage(entrySchema, bytes);
  }

  /**
   * Writes a signed claim down before anybody sees it. Recording the same claim again gives the entry recorded first.
   * @throws AssayError STATE_CONFLICT if another claim was signed for the job: two claims for one job are slashable
   */
  async record(entry: Omit<LedgerEntry, 'inputs'>, inputs: readonly Tensor[]): Promise<LedgerEntry> {
    const headers = inputs.map((tensor) => ({ dtype: tensor.dtype, dims: [...tensor.dims], object: tensorRoot(tensor) }));
    for (const [i, tensor] of inputs.entries()) await this.writeTensor(headers[i]!.object, tensor.data);
    const created = await createFile(this.claimFile(entry.claim.jobId), encodeMessage(entrySchema, { ...entry, inputs: headers }));
    if (created) return { ...entry, inputs: headers };
    const first = (await this.find(entry.claim.jobId))!;
    if (!sameClaim(first.claim, entry.claim)) {
      throw new AssayError({ code: 'STATE_CONFLICT', message: 'another claim for this job was signed before', facts: { jobId: entry.claim.jobId, signed: first.claim, asked: entry.claim } });
    }
    return first;
  }

  /** The inputs of an entry, checked against their roots. */
  async inputsOf(entry: LedgerEntry): Promise<Tensor[]> {
    return Promise.all(
      entry.inputs.map(async (header) => {
        const data = await readIfThere(join(this.dir, 'tensors', header.object!));
        const tensor = data?.length === byteLength(header) ? { dtype: header.dtype, dims: header.dims, data: new Uint8Array(data) } : undefined;
        if (!tensor || tensorRoot(tensor) !== header.object) throw new AssayError({ code: 'FILE_UNREADABLE', message: 'a stored input is missing or damaged', facts: { root: header.object, jobId: entry.claim.jobId } });
        return tensor;
      }),
    );
  }

  private claimFile(jobId: Root): string {
    return join(this.dir, 'claims', `${jobId}.cbor`);
  }

  private async writeTensor(root: Root, data: Uint8Array): Promise<void> {
    const target = join(this.dir, 'tensors', root);
    const temporary = await writeTemporary(target, data);
    await rename(temporary, target);
  }
}

function sameClaim(a: Claim, b: Claim): boolean {
  return (Object.keys(a) as (keyof Claim)[]).every((field) => String(a[field]).toLowerCase() === String(b[field]).toLowerCase());
}

/** Creates the file complete or not at all; false if it was there already. */
async function createFile(target: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(target, bytes);
  try {
    // WHY link and not rename: rename replaces, link refuses, so of two writers one wins.
    await link(temporary, target);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new AssayError({ code: 'FILE_UNREADABLE', message: 'a claim could not be written down', facts: { file: target }, cause });
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeTemporary(target: string, bytes: Uint8Array): Promise<string> {
  const temporary = `${target}.${randomUUID()}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AssayError({ code: 'FILE_UNREADABLE', facts: { file: path }, cause });
  }
}
