import type { Root } from '#core/hashing';
import type { Signature } from '#core/onnx';
import type { ErrorCode } from '#core/protocol';

/** What the compiling process is asked, once in its life. */
export interface Question {
  readonly file: Uint8Array;
  readonly maxBytes: number;
  /** How to compile it; left out, the file is to be canonical already. */
  readonly source?: { readonly dims: Readonly<Record<string, number>>; readonly profile: Root };
}

/** The canonical file and what its id commits to. */
export interface Compiled {
  readonly modelId: Root;
  readonly profile: Root;
  readonly signature: Signature;
  readonly onnx: Uint8Array;
}

export type Reply =
  | { readonly kind: 'compiled'; readonly model: Compiled }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string; readonly facts: Readonly<Record<string, unknown>>; readonly remedy: string }
  | { readonly kind: 'broken'; readonly reason: string };
