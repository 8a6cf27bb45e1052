/** A method of assay.v1: service and name. */
export type Method = `${'Admin' | 'Jobs' | 'Models' | 'Network'}/${string}`;

export interface Deadline {
  /** Milliseconds until the call is given up. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type Messages = Iterable<object> | AsyncIterable<object>;

/** How a coordinator is called: by gRPC, or by gRPC-Web. Messages look as LOADER_OPTIONS says; errors are AssayErrors. */
export interface Calls {
  /** Where it is, for messages to people. */
  readonly target: string;
  /** A call with one answer. */
  single(method: Method, messages: Messages, options: Deadline): Promise<unknown>;
  /** A call with any number of answers. Ending the iteration early cancels it; its signal ends it quietly, or with SHUTTING_DOWN where many messages go in. */
  stream(method: Method, messages: Messages, options: Deadline): AsyncGenerator<unknown, void, void>;
  close(): void;
}

/**
 * Calls `end` once the signal says so; gives what takes that back.
 * WHY not AbortSignal.any: a signal that lives as long as the process keeps a reference to each that was ever made from it.
 */
export function onAbort(signal: AbortSignal | undefined, end: () => void): () => void {
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end, { once: true });
  return () => signal?.removeEventListener('abort', end);
}
