import { BaseError, decodeErrorResult, HttpRequestError, isHex, size, TimeoutError, WebSocketRequestError, type Abi, type Hex } from 'viem';
import { AssayError } from '#core/protocol';
import { authorityAbi, batchesAbi, beaconsAbi, canariesAbi, chargesAbi, checksAbi, disputesAbi, iConsumerAbi, requestsAbi, stepVerifierAbi, vaultAbi } from './generated/abis.js';
import { tokenAbi } from './token.js';

/** What a contract said when it refused. */
export interface Revert {
  /** Name of the custom error, or `Error`, `Panic`, or `unknown` if the data fits none. */
  readonly name: string;
  readonly args: readonly unknown[];
  readonly data: Hex;
}

const ERRORS: Abi = [batchesAbi, disputesAbi, stepVerifierAbi, vaultAbi, chargesAbi, requestsAbi, checksAbi, canariesAbi, beaconsAbi, authorityAbi, iConsumerAbi, tokenAbi].flatMap((abi) => (abi as Abi).filter((item) => item.type === 'error'));

/** Finds the revert data in whatever viem threw; undefined if the call did not revert. */
export function revertOf(error: unknown): Revert | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const carrier = error.walk((e) => isHex((e as { data?: unknown } | null)?.data)) as { data: Hex } | null;
  if (carrier) return decodeRevert(carrier.data);
  return /revert/i.test(error.details ?? error.message) ? { name: 'unknown', args: [], data: '0x' } : undefined;
}

export function decodeRevert(data: Hex): Revert {
  if (size(data) < 4) return { name: 'unknown', args: [], data };
  try {
    const { errorName, args } = decodeErrorResult({ abi: ERRORS, data });
    return { name: errorName, args: (args ?? []) as readonly unknown[], data };
  } catch {
    return { name: 'unknown', args: [], data };
  }
}

/** An AssayError for anything a chain call can throw: refused by a contract, the chain out of reach, or `otherwise` if the endpoint answered with an error of its own. */
export function chainError(error: unknown, call: string, otherwise: 'ENDPOINT_FAILED' | 'TRANSACTION_FAILED' = 'ENDPOINT_FAILED'): AssayError {
  if (error instanceof AssayError) return error;
  const inner = error instanceof BaseError ? error.walk((e) => e instanceof AssayError) : null;
  if (inner instanceof AssayError) return inner;
  const revert = revertOf(error);
  if (revert) return revertedError(revert, call, error);
  const reason = error instanceof BaseError ? error.shortMessage : String(error);
  return new AssayError({ code: isOutOfReach(error) ? 'CHAIN_UNREACHABLE' : otherwise, message: `${call}: ${reason}`, facts: { call }, cause: error });
}

/** What an endpoint answers. @throws AssayError CHAIN_UNREACHABLE, or ENDPOINT_FAILED if it answered with an error of its own */
export function answered<T>(call: string, answer: Promise<T>): Promise<T> {
  return answer.catch((error: unknown) => Promise.reject(chainError(error, call)));
}

function isOutOfReach(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  return error.walk((e) => e instanceof HttpRequestError || e instanceof TimeoutError || e instanceof WebSocketRequestError) !== null;
}

export function revertedError(revert: Revert, call: string, cause?: unknown): AssayError {
  return new AssayError({
    code: 'CHAIN_REVERTED',
    message: `${call} was refused by the contract: ${revert.name}(${revert.args.map(String).join(', ')})`,
    facts: { call, error: revert.name, args: revert.args.map(String), data: revert.data },
    cause,
  });
}
