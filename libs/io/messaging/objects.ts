import type { NatsConnection } from '@nats-io/transport-node';
import { DiscardPolicy, JetStreamApiError, jetstream, jetstreamManager, RetentionPolicy, StorageType, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { Address } from 'viem';
import { AssayError, MODEL_BUCKET, TENSOR_BUCKET } from '#core/protocol';

/** Answers too large for a message, each under its executor's own subject; the coordinator copies what it keeps. */
export const OUTPUT_BUCKET = 'outputs';

export type Bucket = typeof TENSOR_BUCKET | typeof MODEL_BUCKET | typeof OUTPUT_BUCKET;

/** Who wrote an object: the broker lets an executor write under its own address only. */
export type Writer = 'coordinator' | Address;

export interface ObjectName {
  readonly bucket: Bucket;
  readonly writer: Writer;
  /** 32 bytes of hex: the tensor's root or the model's id. */
  readonly name: string;
}

const CHUNK_BYTES = 128 * 1024;
export const MAX_OBJECT_BYTES = 1024 * 1024 * 1024;
const CHUNKS_IN_FLIGHT = 8;
const DAY_NS = 24 * 3600 * 1e9;
/** JetStream's code for a stream that is there with another configuration. */
const NAME_IN_USE = 10_058;
/** JetStream's code for a message on a subject that has one already. */
const SUBJECT_TAKEN = 10_077;

/**
 * SAFETY: who asks names the subject that the answer goes to, and no permission is asked about it; with one message a subject, an answer to
 * an object's chunk would put itself in its place. So what is there stays (docs/adr/0144).
 */
const KEPT = { discard: DiscardPolicy.New, discard_new_per_subject: true };

/** WHY inputs and models have no byte limit of their own: a full disk must refuse new jobs, not forget old ones. */
const LIMITS: Record<Bucket, { max_bytes: number; max_age: number; discard: DiscardPolicy; discard_new_per_subject?: boolean }> = {
  [TENSOR_BUCKET]: { max_bytes: -1, max_age: 30 * DAY_NS, ...KEPT },
  [MODEL_BUCKET]: { max_bytes: -1, max_age: 0, ...KEPT },
  [OUTPUT_BUCKET]: { max_bytes: 512 * 2 ** 20, max_age: DAY_NS / 24, discard: DiscardPolicy.Old },
};

/**
 * Objects as chunks in JetStream: chunk i of an object is the last message on `assay.object.<bucket>.<writer>.<name>.<i>`.
 * WHY not the NATS object store client: reading there makes a push consumer, which would let its creator have messages
 * delivered to any subject, and its subjects do not tell writers apart (docs/adr/0010-messaging.md).
 */
export class ObjectStore {
  private readonly stream: JetStreamClient;

  constructor(private readonly connection: NatsConnection) {
    this.stream = jetstream(connection);
  }

  /**
   * Creates the buckets, each on so many servers of the broker's cluster; buckets there are get that number. Only the coordinator may.
   * @throws AssayError BROKER_UNREACHABLE if the cluster cannot do it now, also because it has fewer servers
   */
  async createBuckets(replicas = 1): Promise<void> {
    const manager = await jetstreamManager(this.connection, { checkAPI: false });
    for (const bucket of [TENSOR_BUCKET, MODEL_BUCKET, OUTPUT_BUCKET] as const) await createBucket(manager, bucket, replicas);
  }

  /** Writes an object; the same bytes under the same name again change nothing. */
  async put(name: ObjectName, bytes: Uint8Array): Promise<void> {
    if (bytes.length > MAX_OBJECT_BYTES) throw new AssayError({ code: 'TENSOR_TOO_LARGE', facts: { bytes: bytes.length, limit: MAX_OBJECT_BYTES } });
    await eachChunk(bytes.length, (index, from, to) => this.putChunk(name, index, bytes.subarray(from, to))).catch((cause: unknown) => Promise.reject(new AssayError({ code: 'BROKER_UNREACHABLE', message: 'an object could not be stored', facts: { ...name }, cause })));
  }

  /**
   * Reads an object of known size. The caller checks the bytes against the name.
   * @throws AssayError DATA_UNAVAILABLE if a chunk is missing or has another size
   */
  async get(name: ObjectName, size: number): Promise<Uint8Array> {
    if (size > MAX_OBJECT_BYTES) throw new AssayError({ code: 'TENSOR_TOO_LARGE', facts: { bytes: size, limit: MAX_OBJECT_BYTES } });
    const bytes = new Uint8Array(size);
    await eachChunk(size, async (index, from, to) => {
      const chunk = await this.chunk(name, index);
      if (chunk.length !== to - from) throw missing(name, index, new RangeError(`chunk has ${chunk.length} bytes, not ${to - from}`));
      bytes.set(chunk, from);
    });
    return bytes;
  }

  /** Removes an object; one that is not there is removed already. Only the coordinator may. */
  async remove({ bucket, writer, name }: ObjectName): Promise<void> {
    const { streams } = await jetstreamManager(this.connection, { checkAPI: false });
    await streams.purge(bucket, { filter: `${objectSubject({ bucket, writer, name })}.>` }).catch((cause: unknown) => Promise.reject(new AssayError({ code: 'BROKER_UNREACHABLE', message: 'an object could not be removed', facts: { bucket, name }, cause })));
  }

  /** What is there already and is something else was put there by somebody else: the name says what belongs there. */
  private async putChunk(name: ObjectName, index: number, bytes: Uint8Array): Promise<void> {
    const subject = chunkSubject(name, index);
    const taken = await this.stream.publish(subject, bytes).then(() => false, (error: unknown) => isTaken(error) || Promise.reject(error));
    if (!taken || Buffer.compare(await this.chunk(name, index), bytes) === 0) return;
    const { streams } = await jetstreamManager(this.connection, { checkAPI: false });
    await streams.purge(name.bucket, { filter: subject });
    await this.stream.publish(subject, bytes);
  }

  private async chunk(name: ObjectName, index: number): Promise<Uint8Array> {
    try {
      const reply = await this.connection.request(`$JS.API.STREAM.MSG.GET.${name.bucket}`, JSON.stringify({ last_by_subj: chunkSubject(name, index) }), { timeout: 10_000 });
      const { message } = reply.json<{ message?: { data?: string } }>();
      if (!message) throw new Error(reply.string().slice(0, 200));
      return Buffer.from(message.data ?? '', 'base64');
    } catch (cause) {
      throw missing(name, index, cause);
    }
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === SUBJECT_TAKEN;
}

function missing(name: ObjectName, chunk: number, cause: unknown): AssayError {
  return new AssayError({ code: 'DATA_UNAVAILABLE', message: 'an object of the object store could not be read', facts: { ...name, chunk }, cause });
}

function chunkSubject(name: ObjectName, index: number): string {
  return `${objectSubject(name)}.${index}`;
}

function objectSubject({ bucket, writer, name }: ObjectName): string {
  return `assay.object.${bucket}.${writer.toLowerCase()}.${name}`;
}

async function createBucket({ streams }: JetStreamManager, bucket: Bucket, replicas: number): Promise<void> {
  const config = {
    subjects: [`assay.object.${bucket}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    max_msgs_per_subject: 1,
    num_replicas: replicas,
    ...LIMITS[bucket],
  };
  try {
    await streams.add({ name: bucket, ...config }).catch((error: { readonly code?: unknown }) => {
      if (error.code === NAME_IN_USE) return streams.update(bucket, config);
      throw error;
    });
  } catch (cause) {
    throw new AssayError({ code: 'BROKER_UNREACHABLE', message: `the broker does not make the bucket ${bucket}`, facts: { bucket, replicas, reason: cause instanceof Error ? cause.message : String(cause) }, cause });
  }
}

/** Runs over the chunks of `size` bytes, CHUNKS_IN_FLIGHT at a time; an empty object has one empty chunk. */
async function eachChunk(size: number, work: (index: number, from: number, to: number) => Promise<void>): Promise<void> {
  const count = Math.max(1, Math.ceil(size / CHUNK_BYTES));
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index, index * CHUNK_BYTES, Math.min(size, (index + 1) * CHUNK_BYTES));
  };
  await Promise.all(Array.from({ length: Math.min(CHUNKS_IN_FLIGHT, count) }, worker));
}
