import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';

/** Large immutable files by content id, in a folder. */
export class ArtifactStore {
  constructor(private readonly folder: string) {}

  /** Writes beside the target and renames, so that a crash leaves no half file under an id. Returns the key. */
  async put(id: Root, bytes: Uint8Array): Promise<string> {
    const key = `${id}.onnx`;
    const target = join(this.folder, key);
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(`${target}.${process.pid}.partial`, bytes);
      await rename(`${target}.${process.pid}.partial`, target);
      return key;
    } catch (cause) {
      throw new AssayError({ code: 'FILE_UNREADABLE', message: `cannot write ${target}`, facts: { file: target }, cause });
    }
  }

  async get(key: string): Promise<Uint8Array> {
    try {
      return new Uint8Array(await readFile(join(this.folder, key)));
    } catch (cause) {
      throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'a stored file cannot be read', facts: { file: join(this.folder, key) }, cause });
    }
  }
}
