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
