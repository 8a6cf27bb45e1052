import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Root, Tensor } from '#core/hashing';
import { claimSchema, requestSchema, tensorPayloadSchema, type Claim, type Request } from '#core/protocol';
import { TensorFiles } from '#io/artifacts';
import { decodeMessage, encodeMessage } from '#io/messaging';
import { createFile, readIfThere } from '#platform';

const caseSchema = z.strictObject({
  claim: claimSchema,
  request: requestSchema,
  inputs: z.array(z.strictObject({ ...tensorPayloadSchema.pick({ dtype: true, dims: true }).shape, root: claimSchema.shape.jobId })),
});

/** What a dispute needs beyond the chain: the request for the payout, the inputs for the own run. */
export interface Case {
  readonly claim: Claim;
  readonly request: Request;
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

  async keep(digest: Root, { claim, request, inputs }: Case): Promise<void> {
    const refs: z.infer<typeof caseSchema>['inputs'] = [];
    for (const tensor of inputs) refs.push({ ...(await this.tensors.put(tensor)), dims: [...tensor.dims] });
    await createFile(this.fileOf(digest), encodeMessage(caseSchema, { claim, request, inputs: refs }));
  }

  async find(digest: Root): Promise<Case | undefined> {
    const bytes = await readIfThere(this.fileOf(digest));
    if (!bytes) return undefined;
    const { claim, request, inputs } = decodeMessage(caseSchema, bytes);
    return { claim, request, inputs: await Promise.all(inputs.map((ref) => this.tensors.get(ref))) };
  }

  private fileOf(digest: Root): string {
    return join(this.dir, `${digest}.cbor`);
  }
}
