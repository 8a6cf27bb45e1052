import { z } from 'zod';
import type { Root } from '#core/hashing';
import { DEFAULT_PROFILE, PROFILES } from '#core/onnx';
import { AssayError } from '#core/protocol';
import type { Compiler } from '#io/compiling';
import { MODEL_CHUNK_BYTES, Pages, type ModelVersion, type ModelView } from '#io/rpc';
import type { ArtifactStore, ModelRecord, ModelStore } from '#io/storage';
import type { PartialUploads } from './partial-uploads.js';
import type { UploadedModel } from './upload.js';

const pageKey = z.tuple([z.string().length(66)]);

export interface ModelsServiceParts {
  readonly models: ModelStore;
  readonly artifacts: Pick<ArtifactStore, 'put'>;
  readonly fileOf: (model: ModelRecord) => Promise<Uint8Array>;
  /** Makes the file available to executors and challengers. */
  readonly publish: (modelId: Root, file: Uint8Array) => Promise<void>;
  readonly uploads: PartialUploads;
  readonly compiler: Pick<Compiler, 'compile'>;
  readonly maxBytes: number;
  readonly now: () => number;
}

/** Each holds a whole file in memory. */
const MAX_DOWNLOADS = 32;
const RETRY_AFTER_MS = 1_000;

/** Register, find, hand out: the use cases behind the gRPC methods. */
export class ModelsService {
  private downloads = 0;

  constructor(readonly parts: ModelsServiceParts) {}

  /** Compiles the file (a canonical one comes out as it went in), stores it under its id, labels it. */
  async register({ header, file }: UploadedModel): Promise<ModelView> {
    const { models, artifacts, publish, compiler, now } = this.parts;
    const { onnx, modelId, profile, signature: { inputs, outputs } } = await compiler.compile(file, { dims: header.dims, profile: profileOf(header.profile) });
    const signature = { inputs: inputs.map(spec), outputs: outputs.map(spec) };
    const key = await artifacts.put(modelId, onnx);
    await publish(modelId, onnx);
    return modelView(await models.register({ modelId, name: header.name, file: key, bytes: onnx.length, signature, profile, registeredAt: new Date(now()) }));
  }

  /** @throws AssayError MODEL_UNKNOWN */
  async get(reference: { modelId: Root | undefined; name: string }): Promise<ModelView> {
    return modelView(await this.known(reference));
  }

  /** With `text`, those with a label that contains it. */
  async list(limit: number, pageToken: string, text?: string): Promise<{ readonly models: readonly ModelView[]; readonly nextPageToken: string }> {
    const pages = new Pages(['models', text], pageKey);
    const { items, nextPageToken } = pages.page(await this.parts.models.list(limit + 1, pages.after(pageToken)?.[0] as Root | undefined, text), limit, ({ modelId }) => [modelId]);
    return { models: items.map(modelView), nextPageToken };
  }

  /** @throws AssayError MODEL_UNKNOWN, MODEL_NAME_TAKEN */
  async tag(reference: { modelId: Root | undefined; name: string }, label: string): Promise<ModelView> {
    const { modelId } = await this.known(reference);
    return modelView(await this.parts.models.label(modelId, label));
  }

  /** @throws AssayError MODEL_UNKNOWN if there is none under the name */
  async versions(name: string): Promise<ModelVersion[]> {
    const found = await this.parts.models.under(name, MAX_VERSIONS);
    if (found.length === 0) throw new AssayError({ code: 'MODEL_UNKNOWN', facts: { name } });
    return found.map((model, i) => ({ index: i + 1, tags: model.names.flatMap((label) => tagOf(label, name)), model: modelView(model) }));
  }

  /** The canonical file in chunks. @throws AssayError MODEL_UNKNOWN, QUEUE_FULL */
  async *download(reference: { modelId: Root | undefined; name: string }): AsyncGenerator<Uint8Array, void, void> {
    if (this.downloads >= MAX_DOWNLOADS) throw new AssayError({ code: 'QUEUE_FULL', message: 'too many models are being downloaded', facts: { downloads: this.downloads, retryAfterMs: RETRY_AFTER_MS } });
    this.downloads++;
    try {
      const bytes = await this.parts.fileOf(await this.known(reference));
      for (let from = 0; from < bytes.length; from += MODEL_CHUNK_BYTES) yield bytes.subarray(from, from + MODEL_CHUNK_BYTES);
    } finally {
      this.downloads--;
    }
  }

  private async known({ modelId, name }: { modelId: Root | undefined; name: string }): Promise<ModelRecord> {
    const model = modelId ? await this.parts.models.byId(modelId) : await this.parts.models.byName(name);
    if (!model) throw new AssayError({ code: 'MODEL_UNKNOWN', facts: modelId ? { modelId } : { name } });
    return model;
  }
}

/** Versions of one name that are told. */
const MAX_VERSIONS = 1_000;

function tagOf(label: string, name: string): string[] {
  return label.startsWith(`${name}:`) ? [label.slice(name.length + 1)] : [];
}

function spec({ name, dtype, dims }: { name: string; dtype: ModelRecord['signature']['inputs'][number]['dtype']; dims: readonly number[] }) {
  return { name, dtype, dims: [...dims] };
}

function profileOf(id: Root = DEFAULT_PROFILE.id): Root {
  if (!PROFILES.has(id)) throw new AssayError({ code: 'PROFILE_UNKNOWN', facts: { profile: id, known: [...PROFILES.keys()] } });
  return id;
}

function modelView({ modelId, names, bytes, profile, signature, registeredAt }: ModelRecord): ModelView {
  return { modelId, names: [...names], bytes, profile, inputs: signature.inputs, outputs: signature.outputs, registeredAt };
}
