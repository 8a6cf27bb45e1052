import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Root, Tensor } from '#core/hashing';
import { requestSchema, tensorPayloadSchema } from '#core/protocol';
import { TensorFiles } from '#io/artifacts';
import { decodeMessage, encodeMessage } from '#io/messaging';
import { createFile, readIfThere } from '#platform';

const root = requestSchema.shape.inputRoot;

const recordSchema = z.strictObject({
  id: root,
  secret: z.strictObject({ jobId: root, executor: requestSchema.shape.submitter, falseRoot: root, trueRoot: root, traceRoot: root, salt: root }),
  request: requestSchema,
  signature: z.custom<`0x${string}`>((v) => typeof v === 'string' && /^0x[0-9a-f]{1,8192}$/i.test(v)),
  inputs: z.array(z.strictObject({ ...tensorPayloadSchema.pick({ dtype: true, dims: true }).shape, root })),
  bond: z.bigint(),
  /** Milliseconds since 1970. */
  submitAt: z.number(),
});

/** A canary as this planter keeps it: all that opens it. What became of it is asked of the chain. */
export type CanaryRecord = z.infer<typeof recordSchema>;

/** Every canary that is not over, on disk before it is planted: who forgets one loses its bond. */
export class CanaryRecords {
  private constructor(
    private readonly dir: string,
    private readonly tensors: TensorFiles,
  ) {}

  static async open(dataDir: string): Promise<CanaryRecords> {
    const dir = join(dataDir, 'canaries');
    await mkdir(dir, { recursive: true });
    return new CanaryRecords(dir, await TensorFiles.open(join(dataDir, 'tensors')));
  }

  async add(record: Omit<CanaryRecord, 'inputs'>, inputs: readonly Tensor[]): Promise<CanaryRecord> {
    const refs: CanaryRecord['inputs'] = [];
    for (const tensor of inputs) refs.push({ ...(await this.tensors.put(tensor)), dims: [...tensor.dims] });
    const whole = { ...record, inputs: refs };
    await createFile(this.fileOf(record.id), encodeMessage(recordSchema, whole));
    return whole;
  }

  async all(): Promise<CanaryRecord[]> {
    const names = (await readdir(this.dir)).filter((name) => name.endsWith('.cbor'));
    const found = await Promise.all(names.map((name) => readIfThere(join(this.dir, name))));
    return found.flatMap((bytes) => (bytes ? [decodeMessage(recordSchema, bytes)] : []));
  }

  inputsOf({ inputs }: CanaryRecord): Promise<Tensor[]> {
    return Promise.all(inputs.map((ref) => this.tensors.get(ref)));
  }

  async remove(id: Root): Promise<void> {
    await rm(this.fileOf(id), { force: true });
  }

  private fileOf(id: Root): string {
    return join(this.dir, `${id.toLowerCase()}.cbor`);
  }
}
