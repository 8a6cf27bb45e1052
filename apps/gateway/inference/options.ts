import { AssayError, VERIFICATION } from '#core/protocol';
import type { RequestOptions } from '#sdk';

/** A parameter of the protocol. 64-bit numbers of gRPC come as decimal text of their own kind; here they are bigints. */
export type Parameter = boolean | number | bigint | string;
export type Parameters = Readonly<Record<string, Parameter>>;

export interface InferOptions {
  readonly request: Pick<RequestOptions, 'insuredValue' | 'verification'>;
  readonly idempotencyKey: string | undefined;
  /** Milliseconds the caller is willing to wait. */
  readonly waitMs: number | undefined;
}

/** Options of Triton that change what an answer means; leaving them out silently would be a wrong answer. */
const REFUSED = ['sequence_id', 'sequence_start', 'sequence_end'];
const REFUSED_OF_TENSORS = ['shared_memory_region', 'shared_memory_offset', 'shared_memory_byte_size', 'classification'];
const OURS = ['assay_insured_value', 'assay_verification', 'assay_idempotency_key'];

/** @throws AssayError OPTION_UNSUPPORTED, MESSAGE_MALFORMED */
export function inferOptions(parameters: Parameters): InferOptions {
  for (const option of REFUSED) if (parameters[option]) throw unsupported(option);
  const unknown = Object.keys(parameters).find((name) => name.startsWith('assay_') && !OURS.includes(name));
  // WHY: a misspelt option of ours must not pass for one that was heeded; those of others are theirs to define.
  if (unknown) throw unsupported(unknown, { known: OURS });
  const verification = text(parameters, 'assay_verification', (v) => Object.hasOwn(VERIFICATION, v)) as keyof typeof VERIFICATION | undefined;
  const insured = text(parameters, 'assay_insured_value', (v) => /^\d{1,38}$/.test(v));
  const timeoutUs = parameters['timeout'];
  return {
    request: { ...(insured === undefined ? {} : { insuredValue: BigInt(insured) }), ...(verification === undefined ? {} : { verification }) },
    idempotencyKey: text(parameters, 'assay_idempotency_key', (v) => v.length > 0 && v.length <= 256),
    // Triton's: microseconds, 0 for none.
    waitMs: (typeof timeoutUs === 'number' || typeof timeoutUs === 'bigint') && timeoutUs > 0 ? Math.max(1, Math.floor(Number(timeoutUs) / 1000)) : undefined,
  };
}

/** @throws AssayError OPTION_UNSUPPORTED */
export function requirePlainTensor(parameters: Parameters): void {
  for (const option of REFUSED_OF_TENSORS) if (parameters[option]) throw unsupported(option);
}

function text(parameters: Parameters, name: string, isValid: (value: string) => boolean): string | undefined {
  const value = parameters[name];
  if (value === undefined) return undefined;
  const string = typeof value === 'boolean' ? '' : String(value);
  if (isValid(string)) return string;
  throw new AssayError({ code: 'MESSAGE_MALFORMED', message: `parameter ${name} cannot be used`, facts: { parameter: name, value: String(value).slice(0, 64) } });
}

function unsupported(option: string, facts: Record<string, unknown> = {}): AssayError {
  return new AssayError({ code: 'OPTION_UNSUPPORTED', message: `the option ${option} is not offered here`, facts: { option, ...facts } });
}
