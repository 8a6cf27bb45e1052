import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, claimSchema, requestSchema, tensorPayloadSchema, type Claim } from '#core/protocol';
import { TensorFiles, wholeTensor } from '#io/artifacts';
import { decodeMessage, encodeMessage } from '#io/messaging';
import { createFile, readIfThere } from '#platform';
import { RUN_KINDS } from '../config.js';

const entrySchema = z.strictObject({
  claim: claimSchema,
  signature: z.custom<`0x${string}`>((v) => typeof v === 'string' && /^0x[0-9a-f]{1,8192}$/i.test(v)),
  request: requestSchema,
  /** Headers of the inputs with their roots; data that is not here is in files of those names. */
  inputs: z.array(z.strictObject({ ...tensorPayloadSchema.pick({ dtype: true, dims: true, inline: true }).shape, root: claimSchema.shape.jobId })),
  /** How the answer was made: needed to present the same trace again. */
  fault: z.enum(RUN_KINDS),
});

export type LedgerEntry = z.infer<typeof entrySchema>;
type KeptInput = LedgerEntry['inputs'][number];

/** Bytes of an input that is kept in the entry itself: a second file costs as much as the first, and as many as a request has inputs fit into one message. */
const MAX_INLINE_BYTES = 8 * 1024;

/**
 * Every claim this executor ever signed, with the inputs to defend it, on disk.
 * INVARIANT: at most one claim per job, across restarts and concurrent calls.
 */
export class ClaimLedger {
  private constructor(
    private readonly dir: string,
    private readonly tensors: TensorFiles,
  ) {}

  static async open(dataDir: string): Promise<ClaimLedger> {
    const dir = join(dataDir, 'claims');
    await mkdir(dir, { recursive: true });
    return new ClaimLedger(dir, await TensorFiles.open(join(dataDir, 'tensors')));
  }

  /** The entry of a job, if a claim was ever signed for it. */
  async find(jobId: Root): Promise<LedgerEntry | undefined> {
    const bytes = await readIfThere(this.fileOf(jobId));
    return bytes && decodeMessage(entrySchema, bytes);
  }

  /**
   * Writes a signed claim down before anybody sees it. Recording the same claim again gives the entry recorded first.
   * @throws AssayError STATE_CONFLICT if another claim was signed for the job: two claims for one job are slashable
   */
  async record(signed: Omit<LedgerEntry, 'inputs'>, inputs: readonly Tensor[], roots: readonly Root[] = inputs.map(tensorRoot)): Promise<LedgerEntry> {
    const kept: KeptInput[] = [];
    for (const [index, tensor] of inputs.entries()) kept.push(await this.keep(tensor, roots[index]!));
    const entry: LedgerEntry = { ...signed, inputs: kept };
    if (await createFile(this.fileOf(entry.claim.jobId), encodeMessage(entrySchema, entry))) return entry;
    const first = (await this.find(entry.claim.jobId))!;
    if (sameClaim(first.claim, entry.claim)) return first;
    throw new AssayError({ code: 'STATE_CONFLICT', message: 'another claim for this job was signed before', facts: { jobId: entry.claim.jobId, signed: first.claim, asked: entry.claim } });
  }

  /** The inputs of an entry, checked against their roots. */
  async inputsOf(entry: LedgerEntry): Promise<Tensor[]> {
    return Promise.all(entry.inputs.map(async ({ inline, ...ref }) => (inline ? wholeTensor(ref, new Uint8Array(inline)) : this.tensors.get(ref))));
  }

  private async keep(tensor: Tensor, root: Root): Promise<KeptInput> {
    const header = { dtype: tensor.dtype, dims: [...tensor.dims] };
    if (tensor.data.length <= MAX_INLINE_BYTES) return { ...header, root, inline: tensor.data as Uint8Array<ArrayBuffer> };
    return { ...header, root: (await this.tensors.put(tensor, root)).root };
  }

  private fileOf(jobId: Root): string {
    return join(this.dir, `${jobId.toLowerCase()}.cbor`);
  }
}

function sameClaim(a: Claim, b: Claim): boolean {
  return (Object.keys(a) as (keyof Claim)[]).every((field) => String(a[field]).toLowerCase() === String(b[field]).toLowerCase());
}
