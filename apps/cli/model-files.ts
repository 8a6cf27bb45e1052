import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { compileModel, DEFAULT_LIMITS, type CanonicalModel } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { dataBeside } from '#io/inference';
import { isSampleModel, sampleFile } from './sample-models.js';

export type Dims = Readonly<Record<string, number>>;

/** A model's bytes: a sample model by its name, or a file. @throws AssayError FILE_UNREADABLE, MODEL_TOO_LARGE before it is read. */
export async function readModel(file: string): Promise<Uint8Array> {
  if (isSampleModel(file)) return sampleFile(file);
  try {
    const { size } = await stat(file);
    if (size > DEFAULT_LIMITS.bytes) throw new AssayError({ code: 'MODEL_TOO_LARGE', message: `${file} has ${size} bytes, the limit is ${DEFAULT_LIMITS.bytes}.`, facts: { file, limit: 'bytes', allowed: DEFAULT_LIMITS.bytes, actual: size } });
    return await readFile(file);
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} cannot be read`, facts: { file }, cause });
  }
}

export async function compileFile(file: string, dims: Dims, onProgress: (done: number, total: number) => void = () => undefined): Promise<CanonicalModel> {
  const bytes = await readModel(file);
  return compileModel(bytes, { dims, onProgress, ...(isSampleModel(file) ? {} : { external: dataBeside(file) }) });
}

export interface NamedFile {
  readonly name: string;
  readonly file: string;
}

/** ONNX files by name: a file itself, the model.onnx of a folder, or of each folder in it. @throws AssayError FILE_UNREADABLE if there is none. */
export function modelFiles(places: readonly string[]): NamedFile[] {
  return places.flatMap((place) => {
    if (!existsSync(place)) throw new AssayError({ code: 'FILE_UNREADABLE', message: `${place} is not there`, facts: { file: place } });
    if (!statSync(place).isDirectory()) return [{ name: nameOf(place), file: place }];
    const found = [place, ...readdirSync(place).sort().map((name) => join(place, name))].map((folder) => join(folder, 'model.onnx')).filter((file) => existsSync(file));
    if (found.length === 0) throw new AssayError({ code: 'FILE_UNREADABLE', message: `neither ${place} nor a folder in it has a model.onnx`, facts: { file: place } });
    return found.map((file) => ({ name: nameOf(file), file }));
  });
}

/** Its folder's name for a model.onnx, else the file's without the ending. */
export function nameOf(file: string): string {
  return basename(file) === 'model.onnx' ? basename(dirname(file)) : basename(file).replace(/\.onnx$/, '');
}
