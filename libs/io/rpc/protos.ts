import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssayError } from '#core/protocol';

/** proto/ of the checkout this file is in; it runs from the sources and from dist. */
export const PROTO_FOLDER = protoFolder();
export const PACKAGE = 'assay.v1';
export const PROTO_FILES = ['admin', 'jobs', 'models', 'network'].map((name) => join(PROTO_FOLDER, 'assay/v1', `${name}.proto`));

/** The Open Inference Protocol, with what Triton adds under the same service. */
export const INFERENCE_PACKAGE = 'inference';
export const INFERENCE_FILES = ['inference/grpc_service.proto'].map((name) => join(PROTO_FOLDER, name));

/** The same for server and client: whole numbers of 64 bits as decimal text, absent messages as null, absent lists as empty. */
export const LOADER_OPTIONS = { longs: String, enums: String, defaults: true, arrays: true, objects: true, includeDirs: [PROTO_FOLDER] } as const;

function protoFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'proto');
    if (existsSync(join(candidate, 'assay/v1/jobs.proto'))) return candidate;
  }
  throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'the proto files are not beside the program' });
}
