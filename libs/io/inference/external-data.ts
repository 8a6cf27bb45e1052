import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { ExternalData } from '#core/onnx';
import { AssayError } from '#core/protocol';

/**
 * Data that lies in files beside a model, for compileModel. Nothing outside the model's folder is opened, whatever links
 * lie in it; a part is read into its buffer and no further.
 */
export function dataBeside(modelFile: string): ExternalData {
  const folder = dirname(realpathSync(modelFile));
  return {
    size: (location) => fileInside(folder, location)?.size,
    read(location, { offset, length }) {
      const found = fileInside(folder, location);
      if (!found) throw unreadable(location);
      const file = openSync(found.path, 'r');
      try {
        return readFully(file, { location, offset, length });
      } finally {
        closeSync(file);
      }
    },
  };
}

/** The ordinary file's real path and size, or undefined if there is none in the folder. */
function fileInside(folder: string, location: string): { path: string; size: number } | undefined {
  try {
    const path = realpathSync(join(folder, location));
    const stats = statSync(path);
    return stats.isFile() && path.startsWith(folder.endsWith(sep) ? folder : folder + sep) ? { path, size: stats.size } : undefined;
  } catch {
    return undefined;
  }
}

function readFully(file: number, { location, offset, length }: { location: string; offset: number; length: number }): Uint8Array {
  const data = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = readSync(file, data, { offset: done, length: Math.min(length - done, 2 ** 30), position: offset + done });
    if (count === 0) throw unreadable(location);
    done += count;
  }
  return data;
}

function unreadable(location: string): AssayError {
  return new AssayError({ code: 'FILE_UNREADABLE', message: `${location} became shorter while it was read.`, facts: { path: location } });
}
