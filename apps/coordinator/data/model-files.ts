import { AssayError } from '#core/protocol';
import type { Compiler } from '#io/compiling';
import type { PayloadStore } from '#io/messaging';
import type { ArtifactStore, ModelRecord } from '#io/storage';

export interface ModelFilesParts {
  readonly artifacts: Pick<ArtifactStore, 'get' | 'put'>;
  readonly payloads: Pick<PayloadStore, 'getModel'>;
  readonly compiler: Pick<Compiler, 'idOf'>;
}

/** A model's file from this process's folder, or from the broker if another coordinator registered it; then it is kept here too. */
export async function modelFile({ artifacts, payloads, compiler }: ModelFilesParts, { modelId, file, bytes }: Pick<ModelRecord, 'modelId' | 'file' | 'bytes'>): Promise<Uint8Array> {
  try {
    return await artifacts.get(file);
  } catch (error) {
    if (!(error instanceof AssayError) || error.code !== 'DATA_UNAVAILABLE') throw error;
  }
  const fetched = await payloads.getModel(modelId, bytes);
  const found = await compiler.idOf(fetched);
  if (found !== modelId) throw new AssayError({ code: 'MODEL_ID_MISMATCH', facts: { modelId, found } });
  await artifacts.put(modelId, fetched);
  return fetched;
}
