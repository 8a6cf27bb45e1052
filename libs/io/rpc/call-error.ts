import { z } from 'zod';
import { AssayError, isErrorCode, type ErrorCode } from '#core/protocol';

/** Trailing metadata with the whole error as JSON. Binary, because header values must be ASCII and messages are not. */
export const ERROR_KEY = 'assay-error-bin';

/** gRPC's status codes as far as they tell what became of a call that never reached our code. */
export const UNAVAILABLE = 14;
const BY_STATUS: Readonly<Record<number, { readonly name: string; readonly code: ErrorCode }>> = {
  [UNAVAILABLE]: { name: 'UNAVAILABLE', code: 'COORDINATOR_UNREACHABLE' },
  4: { name: 'DEADLINE_EXCEEDED', code: 'PEER_SILENT' },
  8: { name: 'RESOURCE_EXHAUSTED', code: 'TENSOR_TOO_LARGE' },
  1: { name: 'CANCELLED', code: 'SHUTTING_DOWN' },
};

const wireError = z.object({ code: z.string(), message: z.string(), facts: z.record(z.string(), z.unknown()), remedy: z.string() });

export interface FailedCall {
  readonly target: string;
  readonly status: number;
  readonly details: string;
  /** Of ERROR_KEY. */
  readonly json: string | undefined;
  readonly cause?: unknown;
}

/** The server's own error with its facts, or that the server could not be reached. */
export function callError({ target, status, details, json, cause }: FailedCall): AssayError {
  const parsed = json === undefined ? undefined : wireError.safeParse(parseJson(json));
  if (parsed?.success && isErrorCode(parsed.data.code)) {
    const { code, message, facts, remedy } = parsed.data;
    return new AssayError({ code, message, facts, remedy, cause });
  }
  const { name, code } = BY_STATUS[status] ?? { name: String(status), code: 'INTERNAL' };
  return new AssayError({ code, message: `${target}: ${details}`, facts: { target, status: name }, cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
