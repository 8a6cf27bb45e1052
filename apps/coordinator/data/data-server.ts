import { z } from 'zod';
import type { Root } from '#core/hashing';
import { AssayError, helloSchema, inputsQuerySchema, modelQuerySchema, PROTOCOL_VERSION, subjects, type ClaimsPage, type ClaimsQuery } from '#core/protocol';
import { CLAIMS, HELLO, INPUTS, MODEL, type Messaging, type Serving } from '#io/messaging';
import type { Storage } from '#io/storage';
import { VERSION } from '#platform';
import type { ModelPublisher } from './model-publisher.js';

export interface DataServerParts {
  readonly storage: Pick<Storage, 'batches' | 'jobs' | 'models' | 'tensors'>;
  readonly messaging: Pick<Messaging, 'serve' | 'payloads'>;
  readonly publisher: ModelPublisher;
  /** Tests only: what is not served. */
  readonly withhold?: 'claims' | 'inputs' | undefined;
}

/** WHY a queue: of several coordinators over one database, one answers. */
const MAX_IN_FLIGHT = { maxInFlight: 64, queue: 'coordinator' };

/** Serves what executors and challengers need to check the network: claims of a batch, inputs of a job, models. */
export class DataServer {
  private serving: Serving[] = [];

  constructor(private readonly parts: DataServerParts) {}

  start(): void {
    const { messaging } = this.parts;
    this.serving = [
      messaging.serve(subjects.hello, HELLO, async (query) => hello(query), MAX_IN_FLIGHT),
      messaging.serve(subjects.claims, CLAIMS, (query) => this.claims(query), MAX_IN_FLIGHT),
      messaging.serve(subjects.inputs, INPUTS, (query) => this.inputs(query), MAX_IN_FLIGHT),
      messaging.serve(subjects.model, MODEL, (query) => this.model(query), MAX_IN_FLIGHT),
    ];
  }

  async stop(): Promise<void> {
    await Promise.all(this.serving.map((serving) => serving.stop()));
  }

  private async claims({ batchId, from, limit }: ClaimsQuery): Promise<ClaimsPage> {
    if (this.parts.withhold === 'claims') throw new AssayError({ code: 'BATCH_UNKNOWN', facts: { batchId } });
    const { batches } = this.parts.storage;
    const batch = await batches.byChainId(batchId);
    if (!batch) throw new AssayError({ code: 'BATCH_UNKNOWN', facts: { batchId } });
    const claims = await batches.claimsOf(batch.seq, from, limit);
    return { total: batch.count, claims: claims.map(({ request, requestSignature, claim, signature }) => ({ request, requestSignature, claim, signature })) };
  }

  private async inputs({ jobId }: z.infer<typeof inputsQuerySchema>) {
    const { jobs, tensors } = this.parts.storage;
    const job = await jobs.byId(jobId.toLowerCase() as Root);
    if (!job || this.parts.withhold === 'inputs') throw new AssayError({ code: 'JOB_UNKNOWN', facts: { jobId } });
    return { inputs: await this.parts.messaging.payloads.pack(await tensors.byRoots(job.inputs)) };
  }

  private async model({ modelId }: z.infer<typeof modelQuerySchema>) {
    const model = await this.parts.storage.models.byId(modelId.toLowerCase() as Root);
    if (!model) throw new AssayError({ code: 'MODEL_UNKNOWN', facts: { modelId } });
    await this.parts.publisher.ensure(model);
    return { name: model.names[0] ?? model.modelId, bytes: model.bytes };
  }
}

function hello({ role, version, protocol }: z.infer<typeof helloSchema>) {
  if (protocol === PROTOCOL_VERSION) return { version: VERSION, protocol };
  const message = `this coordinator (${VERSION}) speaks protocol ${PROTOCOL_VERSION}, the ${role} (${version}) protocol ${protocol}`;
  throw new AssayError({ code: 'PEER_INCOMPATIBLE', message, facts: { role, version, protocol, ours: PROTOCOL_VERSION } });
}
