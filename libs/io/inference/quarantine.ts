import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';

const MAX_MODELS = 10_000;

/** Models that ended their process, and how often. After `allowed` times a model is not started again until it is released. */
export class Quarantine {
  private readonly crashes = new Map<Root, number>();

  constructor(private readonly allowed = 3) {}

  note(modelId: Root): void {
    const before = this.crashes.get(modelId) ?? 0;
    this.crashes.delete(modelId);
    this.crashes.set(modelId, before + 1);
    if (this.crashes.size > MAX_MODELS) this.crashes.delete(this.crashes.keys().next().value!);
  }

  /** @throws AssayError MODEL_QUARANTINED */
  requireFree(modelId: Root): void {
    const crashes = this.crashes.get(modelId) ?? 0;
    if (crashes >= this.allowed) throw new AssayError({ code: 'MODEL_QUARANTINED', facts: { modelId, crashes } });
  }

  release(modelId: Root): void {
    this.crashes.delete(modelId);
  }
}
