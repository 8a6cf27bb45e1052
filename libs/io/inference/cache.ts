import type { Root } from '#core/hashing';
import type { CanonicalModel } from '#core/onnx';
import { openSession, type InferenceSession } from './session.js';

/** Open sessions by model id, at most `capacity`; the one unused for longest is closed first, once its users are done. */
export class SessionCache {
  private readonly entries = new Map<Root, Entry>();

  constructor(private readonly capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`a cache needs room for at least one session, not ${capacity}`);
  }

  /** Runs `work` with the session of a model, loading the model first if it is not open. */
  async use<T>(modelId: Root, load: () => Promise<CanonicalModel>, work: (session: InferenceSession) => Promise<T>): Promise<T> {
    const entry = this.entry(modelId, load);
    entry.users++;
    try {
      return await work(await entry.session);
    } finally {
      entry.users--;
      await this.evict();
    }
  }

  async close(): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
    await Promise.all(entries.map(closeEntry));
  }

  private entry(modelId: Root, load: () => Promise<CanonicalModel>): Entry {
    const known = this.entries.get(modelId);
    if (known) {
      this.entries.delete(modelId);
      this.entries.set(modelId, known);
      return known;
    }
    const session = load().then((model) => openSession(model));
    const made: Entry = { session, users: 0 };
    this.entries.set(modelId, made);
    // A model that failed to load is tried again by the next user.
    session.catch(() => this.entries.get(modelId) === made && this.entries.delete(modelId));
    return made;
  }

  private async evict(): Promise<void> {
    for (const [modelId, entry] of this.entries) {
      if (this.entries.size <= this.capacity) return;
      if (entry.users > 0) continue;
      this.entries.delete(modelId);
      await closeEntry(entry);
    }
  }
}

interface Entry {
  readonly session: Promise<InferenceSession>;
  users: number;
}

async function closeEntry(entry: Entry): Promise<void> {
  const session = await entry.session.catch(() => undefined);
  await session?.close();
}
