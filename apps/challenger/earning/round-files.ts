import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { claimSchema, MAX_EVIDENCE, MAX_PROOF_LENGTH } from '#core/protocol';
import { decodeMessage, encodeMessage } from '#io/messaging';
import { readIfThere, replaceFile } from '#platform';

const root = claimSchema.shape.jobId;
const entry = { claim: root, outputRoot: root, traceRoot: root };
/** Runs beyond the evidence that are remembered for a batch, to hold what others reveal against. */
export const MAX_KNOWN = 2_048;

const recordSchema = z.strictObject({
  batchId: z.bigint(),
  root,
  beacon: root,
  /** What is committed to, with its places in the batch, in the order in which it is revealed. */
  evidence: z.array(z.strictObject({ ...entry, proof: z.array(root).max(MAX_PROOF_LENGTH) })).max(MAX_EVIDENCE),
  salt: root,
  known: z.array(z.strictObject(entry)).max(MAX_KNOWN),
  compared: z.boolean(),
});

export type RoundRecord = z.infer<typeof recordSchema>;

/** Paid checks that are not over, on disk by batch. */
export class RoundFiles {
  private constructor(private readonly dir: string) {}

  static async open(dataDir: string): Promise<RoundFiles> {
    const dir = join(dataDir, 'rounds');
    await mkdir(dir, { recursive: true });
    return new RoundFiles(dir);
  }

  async keep(record: RoundRecord): Promise<void> {
    await replaceFile(this.fileOf(record.batchId), encodeMessage(recordSchema, record));
  }

  async all(): Promise<RoundRecord[]> {
    const names = (await readdir(this.dir)).filter((name) => /^\d+\.cbor$/.test(name));
    const files = await Promise.all(names.map((name) => readIfThere(join(this.dir, name))));
    return files.flatMap((bytes) => (bytes ? [decodeMessage(recordSchema, bytes)] : []));
  }

  async drop(batchId: bigint): Promise<void> {
    await rm(this.fileOf(batchId), { force: true });
  }

  private fileOf(batchId: bigint): string {
    return join(this.dir, `${batchId}.cbor`);
  }
}
