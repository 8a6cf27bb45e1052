import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { readIfThere, replaceFile } from '#platform';

/** A model in memory, ready to run. */
export interface Loaded {
  readonly modelId: Root;
  close(): Promise<void>;
}

/** What the shelf needs from the rooms around it. */
export interface ModelSource<M extends Loaded> {
  /** The file under the id, from the network. */
  fetch(modelId: Root): Promise<Uint8Array>;
  /** Derives the model from its file, id included, and makes it ready to run. */
  load(file: Uint8Array): Promise<M>;
}

export interface ShelfOptions {
  readonly dir: string;
  /** Models in memory at once; more only while all are in use. */
  readonly maxLoaded: number;
}

interface Place<M> {
  readonly model: Promise<M>;
  users: number;
  lastUsed: number;
}

/**
 * Models by id: fetched once, kept on disk, loaded on demand, closed when others need the place and nobody uses them.
 * INVARIANT: a model handed out has the id it was asked for by, derived from its bytes.
 */
export class ModelShelf<M extends Loaded> {
  private readonly places = new Map<Root, Place<M>>();
  private uses = 0;

  constructor(
    private readonly source: ModelSource<M>,
    private readonly options: ShelfOptions,
  ) {}

  /** Ids of the models in memory or on their way there. */
  get loaded(): Root[] {
    return [...this.places.keys()];
  }

  /** Ids of the models on disk, which need no network. */
  async stored(): Promise<Root[]> {
    const files = await readdir(this.options.dir).catch(() => []);
    return files.flatMap((name) => (/^0x[0-9a-f]{64}\.onnx$/.test(name) ? [name.slice(0, 66) as Root] : []));
  }

  /** Runs `work` with the model, which stays loaded meanwhile. */
  async with<T>(modelId: Root, work: (model: M) => Promise<T>): Promise<T> {
    const place = this.placeOf(modelId);
    place.users++;
    try {
      return await work(await place.model);
    } finally {
      place.users--;
      await this.makeRoom();
    }
  }

  async close(): Promise<void> {
    const models = [...this.places.values()].map((place) => place.model);
    this.places.clear();
    for (const model of await Promise.allSettled(models)) if (model.status === 'fulfilled') await model.value.close();
  }

  private placeOf(modelId: Root): Place<M> {
    const known = this.places.get(modelId);
    if (known) {
      known.lastUsed = ++this.uses;
      return known;
    }
    const place: Place<M> = { model: this.load(modelId), users: 0, lastUsed: ++this.uses };
    this.places.set(modelId, place);
    // WHY: a failed load must not be remembered; the next call tries again.
    place.model.catch(() => this.places.get(modelId) === place && this.places.delete(modelId));
    return place;
  }

  private async makeRoom(): Promise<void> {
    while (this.places.size > this.options.maxLoaded) {
      const idle = [...this.places].filter(([, place]) => place.users === 0).sort(([, a], [, b]) => a.lastUsed - b.lastUsed)[0];
      if (!idle) return;
      this.places.delete(idle[0]);
      await (await idle[1].model.catch(() => undefined))?.close();
    }
  }

  private async load(modelId: Root): Promise<M> {
    const stored = await readIfThere(this.fileOf(modelId));
    const model = stored && (await this.loadAs(modelId, stored).catch(() => undefined));
    if (model) return model;
    const file = await this.source.fetch(modelId);
    const fetched = await this.loadAs(modelId, file);
    await mkdir(this.options.dir, { recursive: true });
    await replaceFile(this.fileOf(modelId), file);
    return fetched;
  }

  private async loadAs(modelId: Root, file: Uint8Array): Promise<M> {
    const model = await this.source.load(file);
    if (model.modelId === modelId) return model;
    await model.close();
    throw new AssayError({ code: 'MODEL_ID_MISMATCH', facts: { asked: modelId, found: model.modelId } });
  }

  private fileOf(modelId: Root): string {
    return join(this.options.dir, `${modelId}.onnx`);
  }
}
