import { z } from 'zod';
import { MAX_RANK } from '#core/hashing';
import { AssayError, MAX_TENSORS } from '#core/protocol';
import { parseMessage } from '#io/rpc';
import type { InferRequest, InferResponse } from '../inference/inference.service.js';
import type { Parameters } from '../inference/options.js';
import { valuesOf, type GivenOutput } from '../tensors/outputs.js';
import type { Value } from '../tensors/values.js';

/** The JSON of the protocol's REST form, with the binary tensor data that Triton puts behind it. */

const text = z.string().max(256);
const parameters = z
  .record(text, z.union([z.boolean(), z.number(), z.string().max(65_536)]))
  .refine((map) => Object.keys(map).length <= 64, 'too many parameters')
  .transform((map): Parameters => map)
  .optional();
const shape = z.array(z.int().min(0).max(2 ** 32 - 1)).max(MAX_RANK);
// WHY not validated element by element: see rawOf, which does.
const data = z.custom<readonly unknown[]>(Array.isArray, 'not an array').optional();

const inferSchema = z.object({
  id: z.string().max(1_024).optional(),
  parameters,
  inputs: z.array(z.object({ name: text, datatype: text, shape, parameters, data })).max(MAX_TENSORS),
  outputs: z.array(z.object({ name: text, parameters })).max(MAX_TENSORS).optional(),
});

export interface ParsedInfer {
  readonly request: InferRequest;
  /** True for each requested output that goes behind the JSON; the default if outputs are not named. */
  readonly binary: (output: string) => boolean;
}

/** @throws AssayError MESSAGE_MALFORMED */
export function parseInfer(body: Uint8Array, { headerLength, model, version }: { headerLength: number | undefined; model: string; version: string }): ParsedInfer {
  if (headerLength !== undefined && headerLength > body.length) throw malformed(`the JSON is said to have ${headerLength} bytes, the body has ${body.length}`);
  const json = parseMessage(inferSchema, readJson(body.subarray(0, headerLength ?? body.length)), 'inference request');
  const tail = new Tail(headerLength === undefined ? new Uint8Array() : body.subarray(headerLength));
  const inputs = json.inputs.map(({ data: values, parameters: given = {}, ...input }) => ({ ...input, parameters: given, content: contentOf(input.name, { values, size: given['binary_data_size'], tail }) }));
  tail.requireEnd();
  const byDefault = json.parameters?.['binary_data_output'] === true;
  const outputs = (json.outputs ?? []).map(({ name, parameters: given = {} }) => ({ name, parameters: given }));
  const asked = new Map(outputs.map(({ name, parameters: given }) => [name, given['binary_data']]));
  return {
    request: { model, version, id: json.id ?? '', parameters: json.parameters ?? {}, inputs, outputs },
    binary: (output) => (asked.get(output) ?? byDefault) === true,
  };
}

function contentOf(name: string, { values, size, tail }: { values: readonly unknown[] | undefined; size: unknown; tail: Tail }) {
  if (size === undefined) {
    if (!values) throw malformed(`input ${name} has neither data nor binary_data_size`);
    // WHY: the protocol's data is flat or nested by the shape; nesting says nothing that the shape does not.
    return { values: values.flat(MAX_RANK) as Value[] };
  }
  if (values) throw malformed(`input ${name} has data and binary_data_size`);
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) throw malformed(`input ${name} has a binary_data_size that is not a size`);
  return { raw: tail.take(size, name) };
}

/** The bytes behind the JSON, handed out in order. */
class Tail {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  take(size: number, name: string): Uint8Array {
    if (this.at + size > this.bytes.length) throw malformed(`the binary data of input ${name} ends too early`);
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  requireEnd(): void {
    if (this.at < this.bytes.length) throw malformed(`${this.bytes.length - this.at} bytes of binary data belong to no input`);
  }
}

export interface EncodedInfer {
  readonly body: Uint8Array;
  /** Bytes of JSON, if binary data follows. */
  readonly headerLength?: number;
}

export function encodeInfer({ model, version, id, parameters: provenance, outputs }: InferResponse, binary: (output: string) => boolean): EncodedInfer {
  const isBinary = (output: GivenOutput) => binary(output.name) || valuesOf(output) === undefined;
  const head = { model_name: model, model_version: version, ...(id ? { id } : {}), parameters: provenance };
  const texts = outputs.map((output) => outputText(output, isBinary(output)));
  const json = Buffer.from(`${JSON.stringify(head).slice(0, -1)},"outputs":[${texts.join(',')}]}`);
  const raws = outputs.filter(isBinary).map((output) => output.raw);
  return raws.length === 0 ? { body: json } : { body: Buffer.concat([json, ...raws]), headerLength: json.length };
}

/** WHY text and not objects: 64-bit integers are JSON numbers that JSON.stringify does not write. */
function outputText(output: GivenOutput, isBinary: boolean): string {
  const { name, datatype, shape: dims, raw } = output;
  const head = JSON.stringify({ name, datatype, shape: dims, ...(isBinary ? { parameters: { binary_data_size: raw.length } } : {}) });
  return isBinary ? head : `${head.slice(0, -1)},"data":[${valuesOf(output)!.map(valueText).join(',')}]}`;
}

/** JSON has no NaN and no infinities; they go as text, as protobuf's JSON mapping has them. */
function valueText(value: number | bigint | boolean): string {
  if (typeof value !== 'number') return String(value);
  return Number.isFinite(value) ? (Object.is(value, -0) ? '-0.0' : String(value)) : `"${value}"`;
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed('the body is not JSON', cause);
  }
}

function malformed(reason: string, cause?: unknown): AssayError {
  return new AssayError({ code: 'MESSAGE_MALFORMED', message: `inference request is malformed: ${reason}`, facts: { message: 'inference request', reason }, cause });
}
