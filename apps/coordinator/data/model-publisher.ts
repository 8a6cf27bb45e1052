import type { Root } from '#core/hashing';
import type { PayloadStore } from '#io/messaging';
import type { ModelRecord } from '#io/storage';

/**
 * Keeps model files in the object store, where executors and challengers fetch them.
 * WHY again in every process: the broker may have lost its files since; the same bytes again change nothing.
 */
export class ModelPublisher {
  private readonly published = new Map<Root, Promise<void>>();

  constructor(
    private readonly payloads: Pick<PayloadStore, 'putModel'>,
    private readonly fileOf: (model: ModelRecord) => Promise<Uint8Array>,
  ) {}

  readonly publish = (modelId: Root, file: Uint8Array): Promise<void> => this.once(modelId, () => this.payloads.putModel(modelId, file));

  ensure(model: ModelRecord): Promise<void> {
    return this.once(model.modelId, async () => this.payloads.putModel(model.modelId, await this.fileOf(model)));
  }

  private once(modelId: Root, put: () => Promise<void>): Promise<void> {
    const known = this.published.get(modelId);
    if (known) return known;
    const done = put();
    this.published.set(modelId, done);
    done.catch(() => this.published.delete(modelId));
    return done;
  }
}
