import { Metadata, ServerInterceptingCall, status as Status, type ServerInterceptor, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { AssayError, ERROR_CODES } from '#core/protocol';
import { callError, ERROR_KEY } from './call-error.js';
import { MAX_MESSAGE_BYTES } from './sizes.js';

/** Trailing metadata with the code alone, for people with grpcurl. */
export const CODE_KEY = 'assay-error-code';
/** Milliseconds to wait before trying again, for people with grpcurl. */
export const RETRY_KEY = 'retry-after-ms';
/** google.rpc.Status with a google.rpc.RetryInfo: what gRPC libraries of other languages look for. */
const DETAILS_KEY = 'grpc-status-details-bin';
/** Trailers share the peer's header limit, often 16 KiB; larger facts are left out. */
const MAX_ERROR_BYTES = 6 * 1024;
/** Of the text of a status, which travels in a header too, some characters as nine. */
const MAX_DETAILS = 512;

/** Any thrown value as what grpc-js takes for a failed call. Unexpected errors do not show their insides to a caller. */
export function toStatus(thrown: unknown): Partial<StatusObject> {
  if (isStatus(thrown)) return thrown;
  const error = toFault(thrown);
  const metadata = new Metadata();
  metadata.set(CODE_KEY, error.code);
  metadata.set(ERROR_KEY, errorBytes(error));
  const { retryAfterMs } = error.facts;
  if (typeof retryAfterMs === 'number') {
    metadata.set(RETRY_KEY, String(retryAfterMs));
    metadata.set(DETAILS_KEY, retryDetails(Status[ERROR_CODES[error.code].grpc], error.message, retryAfterMs));
  }
  return { code: Status[ERROR_CODES[error.code].grpc], details: detailsOf(error), metadata };
}

/** Any thrown value as the error a caller may see: what is unexpected does not show its insides. */
export function toFault(thrown: unknown): AssayError {
  return thrown instanceof AssayError ? thrown : new AssayError({ code: 'INTERNAL', cause: thrown });
}

/** SAFETY: what a caller sent may be in the message: whole, it would end the connection and all its calls; with half a character at its end, it could not be sent. */
function detailsOf({ code, message }: AssayError): string {
  return Buffer.from(`${code}: ${message}`.slice(0, MAX_DETAILS)).toString();
}

function errorBytes(error: AssayError): Buffer {
  const json = error.toJSON();
  const whole = Buffer.from(JSON.stringify(json));
  if (whole.length <= MAX_ERROR_BYTES) return whole;
  return Buffer.from(JSON.stringify({ ...json, message: json.message.slice(0, 1024), facts: { note: 'the facts are too large for a trailer' } }));
}

/** google.rpc.Status { code = 1, message = 2, details = 3 } holding an Any { type_url = 1, value = 2 } of RetryInfo { Duration { seconds = 1, nanos = 2 } = 1 }. */
function retryDetails(code: number, message: string, ms: number): Buffer {
  const duration = new BinaryWriter().tag(1, WireType.Varint).int64(Math.floor(ms / 1000)).tag(2, WireType.Varint).int32((ms % 1000) * 1_000_000).finish();
  const retryInfo = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(duration).finish();
  const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string('type.googleapis.com/google.rpc.RetryInfo').tag(2, WireType.LengthDelimited).bytes(retryInfo).finish();
  return Buffer.from(new BinaryWriter().tag(1, WireType.Varint).int32(code).tag(2, WireType.LengthDelimited).string(message.slice(0, 1024)).tag(3, WireType.LengthDelimited).bytes(any).finish());
}

function isStatus(thrown: unknown): thrown is Partial<StatusObject> {
  return typeof thrown === 'object' && thrown !== null && !(thrown instanceof AssayError) && typeof (thrown as StatusObject).code === 'number' && 'metadata' in thrown;
}

/** What grpc-js says of a request that is no message: its bytes, how they are compressed, how many there are, its deadline. */
const UNREADABLE = /deserializing request|decompress message|compressed with|request message|grpc-timeout/;

/**
 * What the transport refuses before any of our code sees it, with a code of ours like every refusal.
 * WHY the call's own method: what grpc-js refuses by itself passes no interceptor's responder.
 */
export const transportRefusals: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus.bind(call);
  call.sendStatus = (status) => send({ ...status, ...refusalOf(status) });
  return new ServerInterceptingCall(call);
};

function refusalOf({ code, details, metadata }: Parameters<ServerInterceptingCall['sendStatus']>[0]): Partial<StatusObject> {
  if (metadata?.get(CODE_KEY).length) return {};
  if (code === Status.RESOURCE_EXHAUSTED) return toStatus(new AssayError({ code: 'TENSOR_TOO_LARGE', message: `a message is larger than ${MAX_MESSAGE_BYTES} bytes`, facts: { reason: details, limit: MAX_MESSAGE_BYTES } }));
  if (UNREADABLE.test(details)) return toStatus(new AssayError({ code: 'MESSAGE_MALFORMED', message: 'the request is no message that this method takes', facts: { reason: details } }));
  return {};
}

/** What a failed call means: the server's own error with its facts, or that the server could not be reached. */
export function fromStatus(error: ServiceError, target: string): AssayError {
  const [bytes] = error.metadata?.get(ERROR_KEY) ?? [];
  return callError({ target, status: error.code, details: error.details || error.message, json: Buffer.isBuffer(bytes) ? bytes.toString() : undefined, cause: error });
}
