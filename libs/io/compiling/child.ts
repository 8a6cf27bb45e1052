/** The process that reads one file a stranger made, and answers; it sees nothing but that file, and ends with its channel. */
import { compileModel, loadCanonical, PROFILES, type CanonicalModel } from '#core/onnx';
import { AssayError } from '#core/protocol';
import type { Question, Reply } from './calls.js';

function read({ file, maxBytes, source }: Question): CanonicalModel {
  const limits = { bytes: maxBytes };
  if (!source) return loadCanonical(file, { limits });
  return compileModel(file, { dims: source.dims, profile: PROFILES.get(source.profile)!, limits });
}

function reply(question: Question): Reply {
  try {
    const { onnx, manifest: { modelId, profile, signature } } = read(question);
    return { kind: 'compiled', model: { modelId, profile, signature, onnx } };
  } catch (error) {
    if (!(error instanceof AssayError)) return { kind: 'broken', reason: error instanceof Error ? error.message : String(error) };
    const { code, message, facts, remedy } = error;
    return { kind: 'refused', code, message, facts, remedy };
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.once('disconnect', () => process.exit(0));
process.once('message', (question: Question) => process.send!(reply(question)));
