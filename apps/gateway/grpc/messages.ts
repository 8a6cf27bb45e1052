import { z } from 'zod';
import { MAX_RANK } from '#core/hashing';
import { AssayError, MAX_TENSORS } from '#core/protocol';
import { parseMessage } from '#io/rpc';
import type { InferRequest, InferResponse } from '../inference/inference.service.js';
import type { Parameters } from '../inference/options.js';
import { isDatatype, type Datatype } from '../tensors/datatypes.js';
import { valuesOf, type GivenOutput } from '../tensors/outputs.js';
import type { Value } from '../tensors/values.js';

/** The messages of proto/inference as proto-loader delivers them, and back. */

const MAX_TEXT = 256;
const MAX_PARAMETERS = 64;
const text = z.string().max(MAX_TEXT);
const parameter = z
  .object({ boolParam: z.boolean(), int64Param: z.string().transform(BigInt), stringParam: z.string().max(65_536), doubleParam: z.number(), uint64Param: z.string().transform(BigInt) })
  .partial()
  .transform((choice) => Object.values(choice).find((value) => value !== undefined) ?? '');
const parameters = z.record(text, parameter).refine((map) => Object.keys(map).length <= MAX_PARAMETERS, 'too many parameters').transform((map): Parameters => map);
const shape = z.array(z.string().regex(/^\d{1,10}$/, 'not a size').transform(Number)).max(MAX_RANK);
// WHY not validated element by element: proto-loader made them; a schema over a million numbers costs more than the job.
const elements = z.custom<readonly Value[]>(Array.isArray);
const contents = z.object({ boolContents: elements, intContents: elements, int64Contents: elements, uintContents: elements, uint64Contents: elements, fp32Contents: elements, fp64Contents: elements, bytesContents: elements });
type Contents = z.output<typeof contents>;

const inputTensor = z.object({ name: text, datatype: text, shape, parameters, contents: contents.nullable() });
const inferMessage = z.object({
  modelName: text,
  modelVersion: text,
  id: z.string().max(1_024),
  parameters,
  inputs: z.array(inputTensor).max(MAX_TENSORS),
  outputs: z.array(z.object({ name: text, parameters })).max(MAX_TENSORS),
  rawInputContents: z.array(z.instanceof(Uint8Array)).max(MAX_TENSORS),
});

export const versionedMessage = z.object({ name: text, version: text });
export const indexMessage = z.object({ repositoryName: text, ready: z.boolean() });

/** Which field of the contents each element type uses. */
const FIELDS: Partial<Record<Datatype, keyof Contents>> = {
  BOOL: 'boolContents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
};

export interface ParsedInfer {
  readonly request: InferRequest;
  /** The answer goes back the way the request came. */
  readonly raw: boolean;
}

/** @throws AssayError MESSAGE_MALFORMED, TENSOR_DATA_MISMATCH */
export function parseInfer(message: unknown): ParsedInfer {
  const { modelName, modelVersion, inputs, rawInputContents, ...rest } = parseMessage(inferMessage, message, 'ModelInferRequest');
  const raw = rawInputContents.length > 0;
  if (raw && rawInputContents.length !== inputs.length) throw malformed(`${rawInputContents.length} raw contents for ${inputs.length} inputs`);
  const given = inputs.map(({ contents: typed, ...input }, i) => {
    if (raw && typed) throw malformed(`input ${input.name} has contents although raw contents are used`);
    return { ...input, content: raw ? { raw: rawInputContents[i]! } : { values: typedContents(typed, input) } };
  });
  return { request: { ...rest, model: modelName, version: modelVersion, inputs: given }, raw };
}

function typedContents(typed: Contents | null, { name, datatype }: { name: string; datatype: string }): readonly Value[] {
  const field = isDatatype(datatype) ? FIELDS[datatype] : undefined;
  if (!field && (datatype === 'FP16' || datatype === 'BF16')) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `input ${name}: ${datatype} must be sent raw`, facts: { name, datatype } });
  const other = Object.entries(typed ?? {}).find(([key, values]) => key !== field && values.length > 0);
  if (field && other) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `input ${name}: ${datatype} belongs into ${snake(field)}, not ${snake(other[0])}`, facts: { name, datatype, field: snake(field), found: snake(other[0]) } });
  return field && typed ? typed[field] : [];
}

/** WHY all raw as soon as one output has no typed form: the protocol has one way per message. */
export function encodeInfer({ model, version, id, parameters: provenance, outputs }: InferResponse, raw: boolean) {
  const typed = raw ? undefined : outputs.map(encodeContents);
  const isRaw = !typed || typed.includes(undefined);
  return {
    modelName: model,
    modelVersion: version,
    id,
    parameters: Object.fromEntries(Object.entries(provenance).map(([name, value]) => [name, { stringParam: value }])),
    outputs: outputs.map(({ name, datatype, shape: dims }, i) => ({ name, datatype, shape: dims.map(String), ...(isRaw ? {} : { contents: typed[i] }) })),
    rawOutputContents: isRaw ? outputs.map((output) => output.raw) : [],
  };
}

function encodeContents(output: GivenOutput): Record<string, unknown> | undefined {
  const values = valuesOf(output);
  const field = FIELDS[output.datatype];
  return values && field ? { [field]: output.datatype === 'INT64' ? values.map(String) : values } : undefined;
}

function snake(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function malformed(reason: string): AssayError {
  return new AssayError({ code: 'MESSAGE_MALFORMED', message: `ModelInferRequest is malformed: ${reason}`, facts: { message: 'ModelInferRequest', reason } });
}
