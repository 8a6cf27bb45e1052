import type { Root } from '#core/hashing';
import { compileModel, DEFAULT_PROFILE, PROFILES, type Profile } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { MODEL_CHUNK_BYTES, type ModelView } from '#io/rpc';
import type { ArtifactStore, ModelRecord, ModelStore } from '#io/storage';
import type { UploadedModel } from './upload.js';

export interface ModelsServiceParts {
  readonly models: ModelStore;
  readonly artifacts: Pick<ArtifactStore, 'put'>;
  readonly fileOf: (model: ModelRecord) => Promise<Uint8Array>;
  /** Makes the file available to executors and challengers. */
  readonly publish: (modelId: Root, file: Uint8Array) => Promise<void>;
  readonly maxBytes: number;
  readonly now: () => number;
}

/** Register, find, hand out: the use cases behind the gRPC methods. */
export class ModelsService {
  constructor(readonly parts: ModelsServiceParts) {}

  /** Compiles the file (a canonical one comes out as it went in), stores it under its id, labels it. */
  async register({ header, file }: UploadedModel): Promise<ModelView> {
    const { models, artifacts, publish, maxBytes, now } = this.parts;
    const { onnx, manifest } = compileModel(file, { dims: header.dims, profile: profileOf(header.profile), limits: { bytes: maxBytes } });
    const { modelId, profile } = manifest;
    const { inputs, outputs } = manifest.signature;
    const signature = { inputs: inputs.map(spec), outputs: outputs.map(spec) };
    const key = await artifacts.put(modelId, onnx);
    await publish(modelId, onnx);
    return modelView(await models.register({ modelId, name: header.name, file: key, bytes: onnx.length, signature, profile, registeredAt: new Date(now()) }));
  }

  /** @throws AssayError MODEL_UNKNOWN */
  async get(reference: { modelId: Root | undefined; name: string }): Promise<ModelView> {
    return modelView(await this.known(reference));
  }

  async list(limit: number, after?: Root): Promise<ModelView[]> {
    return (await this.parts.models.list(limit, after)).map(modelView);
  }

  /** The canonical file in chunks. */
  async *download(reference: { modelId: Root | undefined; name: string }): AsyncGenerator<Uint8Array, void, void> {
    const bytes = await this.parts.fileOf(await this.known(reference));
    for (let from = 0; from < bytes.length; from += MODEL_CHUNK_BYTES) yield bytes.subarray(from, from + MODEL_CHUNK_BYTES);
  }

  private async known({ modelId, name }: { modelId: Root | undefined; name: string }): Promise<ModelRecord> {
    const model = modelId ? await this.parts.models.byId(modelId) : await this.parts.models.byName(name);
    if (!model) throw new AssayError({ code: 'MODEL_UNKNOWN', facts: modelId ? { modelId } : { name } });
    return model;
  }
}

function spec({ name, dtype, dims }: { name: string; dtype: ModelRecord['signature']['inputs'][number]['dtype']; dims: readonly number[] }) {
  return { name, dtype, dims: [...dims] };
}

function profileOf(id: Root | undefined): Profile {
  const profile = id === undefined ? DEFAULT_PROFILE : PROFILES.get(id);
  if (!profile) throw new AssayError({ code: 'PROFILE_UNKNOWN', facts: { profile: id, known: [...PROFILES.keys()] } });
  return profile;
}

function modelView({ modelId, names, bytes, profile, signature, registeredAt }: ModelRecord): ModelView {
  return { modelId, names: [...names], bytes, profile, inputs: signature.inputs, outputs: signature.outputs, registeredAt };
}
