import { AssayError } from '#core/protocol';

/** What a model may be at most. A file beyond any of these is refused before memory is spent on it. */
export interface ModelLimits {
  /** The file, with all data that lies beside it. */
  readonly bytes: number;
  readonly nodes: number;
  readonly initializers: number;
  readonly signature: number;
  readonly nameLength: number;
  /** Entries of one attribute, inputs or outputs of one node. */
  readonly listLength: number;
  /** Bytes of one tensor, constant or intermediate. */
  readonly tensorBytes: number;
  /** Bytes of all values of one run together. */
  readonly traceBytes: number;
  /** Micro-steps for folding constants: about a microsecond each. */
  readonly foldSteps: number;
  /** Bytes of all constants made by folding together, besides three times those of the file's own. */
  readonly foldBytes: number;
}

/** A protobuf message has at most 2 GiB, and the canonical file is one. */
const LARGEST_FILE = 2 ** 31 - 1;

export const DEFAULT_LIMITS: ModelLimits = {
  bytes: LARGEST_FILE,
  nodes: 20_000,
  initializers: 20_000,
  signature: 64,
  nameLength: 512,
  listLength: 4_096,
  tensorBytes: LARGEST_FILE,
  traceBytes: 8 * 2 ** 30,
  foldSteps: 2 ** 23,
  foldBytes: 256 * 2 ** 20,
};

/** Throws MODEL_TOO_LARGE if `actual` is above the named limit. */
export function checkLimit(limits: ModelLimits, name: keyof ModelLimits, actual: number): void {
  if (actual <= limits[name]) return;
  throw new AssayError({ code: 'MODEL_TOO_LARGE', message: `The model has ${actual} ${name}, the limit is ${limits[name]}.`, facts: { limit: name, allowed: limits[name], actual } });
}
