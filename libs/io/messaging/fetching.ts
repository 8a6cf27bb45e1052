import type { Root, Tensor } from '#core/hashing';
import { AssayError, MAX_CLAIMS_PER_PAGE, PROTOCOL_VERSION, subjects, type ClaimsPage } from '#core/protocol';
import { CLAIMS, HELLO, INPUTS, MODEL, succeeded } from './exchanges.js';
import type { Messaging } from './messaging.js';

const TIMEOUT_MS = 10_000;

/**
 * Asks the coordinator, if one is there, whether we understand each other.
 * @throws AssayError PEER_INCOMPATIBLE
 */
export async function sayHello(messaging: Messaging, who: { readonly role: 'executor' | 'challenger'; readonly version: string }): Promise<void> {
  try {
    succeeded(await messaging.request(subjects.hello, HELLO, { ...who, protocol: PROTOCOL_VERSION }, { timeoutMs: TIMEOUT_MS }));
  } catch (error) {
    // WHY: processes start in any order; a coordinator that comes later sees the number in our presence.
    if (!(error instanceof AssayError) || error.code !== 'PEER_SILENT') throw error;
  }
}

/** The file the coordinator has under a model id, not yet checked. @throws AssayError MODEL_UNKNOWN, PEER_SILENT, DATA_UNAVAILABLE */
export async function fetchModelFile(messaging: Messaging, modelId: Root, maxBytes: number): Promise<Uint8Array> {
  const { bytes } = succeeded(await messaging.request(subjects.model, MODEL, { modelId }, { timeoutMs: TIMEOUT_MS }));
  if (bytes > maxBytes) throw new AssayError({ code: 'MODEL_TOO_LARGE', facts: { modelId, bytes, limit: maxBytes } });
  return messaging.payloads.getModel(modelId, bytes);
}

/** The inputs the coordinator has for a job, each with its own root, not yet checked against the claim. */
export async function fetchInputs(messaging: Messaging, jobId: Root): Promise<Tensor[]> {
  const { inputs } = succeeded(await messaging.request(subjects.inputs, INPUTS, { jobId }, { timeoutMs: TIMEOUT_MS }));
  return messaging.payloads.unpack(inputs);
}

export type BatchedClaim = Extract<ClaimsPage, { total: number }>['claims'][number];

/**
 * All claims of a batch in leaf order, page by page, not yet checked.
 * @param count how many the chain says there are: the coordinator cannot make us collect more
 * @throws AssayError DATA_UNAVAILABLE if the coordinator has another number
 */
export async function fetchClaims(messaging: Messaging, batchId: bigint, count: number): Promise<BatchedClaim[]> {
  const claims: BatchedClaim[] = [];
  while (claims.length < count) {
    const query = { batchId, from: claims.length, limit: Math.min(MAX_CLAIMS_PER_PAGE, count - claims.length) };
    const page = succeeded(await messaging.request(subjects.claims, CLAIMS, query, { timeoutMs: TIMEOUT_MS }));
    if (page.total !== count || page.claims.length === 0 || page.claims.length > query.limit) {
      throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'the coordinator does not serve the claims of a batch', facts: { batchId, count, total: page.total, from: query.from, served: page.claims.length } });
    }
    claims.push(...page.claims);
  }
  return claims;
}
