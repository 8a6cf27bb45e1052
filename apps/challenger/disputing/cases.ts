import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Root, Tensor } from '#core/hashing';
import { claimSchema, MAX_PROOF_LENGTH, requestSchema, tensorPayloadSchema, type Claim, type Request } from '#core/protocol';
import { TensorFiles } from '#io/artifacts';
import { decodeMessage, encodeMessage } from '#io/messaging';
import { createFile, readIfThere } from '#platform';

const caseSchema = z.strictObject({
  claim: claimSchema,
  request: requestSchema,
  batchId: z.bigint(),
  proof: z.array(claimSchema.shape.jobId).max(MAX_PROOF_LENGTH),
  inputs: z.array(z.strictObject({ ...tensorPayloadSchema.pick({ dtype: true, dims: true }).shape, root: claimSchema.shape.jobId })),
});

/** What a dispute needs beyond the chain: request and place in a batch for the submitter’s compensation, inputs for the own run. */
export interface Case {
  readonly claim: Claim;
  readonly request: Request;
  readonly batchId: bigint;
  readonly proof: readonly Root[];
  readonly inputs: readonly Tensor[];
}

/** The claims this challenger disputed, on disk by claim digest. */
export class CaseFiles {
  private constructor(
    private readonly dir: string,
    private readonly tensors: TensorFiles,
  ) {}

  static async open(dataDir: string): Promise<CaseFiles> {
    const dir = join(dataDir, 'cases');
    await mkdir(dir, { recursive: true });
    return new CaseFiles(dir, await TensorFiles.open(join(dataDir, 'tensors')));
  }

  async keep(digest: Root, { inputs, ...rest }: Case): Promise<void> {
    const refs: z.infer<typeof caseSchema>['inputs'] = [];
    for (const tensor of inputs) refs.push({ ...(await this.tensors.put(tensor)), dims: [...tensor.dims] });
    await createFile(this.fileOf(digest), encodeMessage(caseSchema, { ...rest, proof: [...rest.proof], inputs: refs }));
  }

  async find(digest: Root): Promise<Case | undefined> {
    const bytes = await readIfThere(this.fileOf(digest));
    if (!bytes) return undefined;
    const { inputs, ...rest } = decodeMessage(caseSchema, bytes);
    return { ...rest, inputs: await Promise.all(inputs.map((ref) => this.tensors.get(ref))) };
  }

  private fileOf(digest: Root): string {
    return join(this.dir, `${digest}.cbor`);
  }
}
