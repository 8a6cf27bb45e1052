import { readFileSync } from 'node:fs';
import { AssayError } from '#core/protocol';

/** PEM files. With `clientCa`, callers need a certificate that it signed. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

/** For Node's own HTTPS server. @throws AssayError FILE_UNREADABLE */
export function tlsFiles({ cert, key, clientCa }: ServerTls) {
  return { cert: pem(cert), key: pem(key), ...(clientCa ? { ca: pem(clientCa), requestCert: true, rejectUnauthorized: true } : {}) };
}

/** @throws AssayError FILE_UNREADABLE */
export function pem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `cannot read ${file}`, facts: { file }, cause });
  }
}
