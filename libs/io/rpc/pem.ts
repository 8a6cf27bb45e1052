import { readFileSync } from 'node:fs';
import { AssayError } from '#core/protocol';

/** @throws AssayError FILE_UNREADABLE */
export function pem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `cannot read ${file}`, facts: { file }, cause });
  }
}
