import type { Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { emitOnnx, PROFILE_KEY, valueNames } from './emission.js';
import { externalReader, type ExternalData } from './external.js';
import { importModel, openDimensionsOf, type ImportOptions } from './import.js';
import { checkLimit, DEFAULT_LIMITS, type ModelLimits } from './limits.js';
import { manifestOf, type ModelManifest } from './manifest.js';
import { numberGraph, type CanonicalGraph } from './numbering.js';
import { DEFAULT_PROFILE, PROFILES, type Profile } from './profile.js';
import type { OnnxModel } from './proto/model.js';
import { readModel } from './proto/read.js';
import { bytesBeside } from './proto/tensor.js';
import { reportOf, type CompileReport } from './report.js';

/** A model as the network runs and disputes it: the file for ONNX Runtime and what the model id commits to. */
export interface CanonicalModel {
  /** The canonical file: a function of the manifest and the initializers alone. */
  readonly onnx: Uint8Array;
  readonly manifest: ModelManifest;
  readonly initializers: readonly Tensor[];
  /** Readable name of each value, the outputs entry not included. */
  readonly valueNames: readonly string[];
  readonly report: CompileReport;
  /** The numbered graph, for making parts and variants of the file. */
  readonly graph: CanonicalGraph;
}

export interface CompileOptions {
  /** Sizes for the dimensions that the file leaves open, by symbol, or by `input.axis` where there is none. */
  readonly dims?: Readonly<Record<string, number>>;
  readonly profile?: Profile;
  readonly limits?: Partial<ModelLimits>;
  /** Reads data of tensors that lie in files beside the model; without it such a model is refused. */
  readonly external?: ExternalData;
  /** Called after each node of the file that is lowered, with how many are done and how many there are. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Brings an ONNX file into canonical form: static shapes, constants folded, unused parts gone, operators lowered to
 * those whose bits are the same on every supported machine. Equal files give equal bytes, on any machine.
 * @throws AssayError MODEL_UNPARSABLE, MODEL_TOO_LARGE, MODEL_DIMS_UNBOUND, MODEL_OPERATOR_UNSUPPORTED,
 * MODEL_DTYPE_UNSUPPORTED, MODEL_GRAPH_INVALID.
 */
export function compileModel(bytes: Uint8Array, options: CompileOptions = {}): CanonicalModel {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const source = readModel(bytes, limits);
  // All of it before any is read: parts may overlap, and together be more than the files.
  checkLimit(limits, 'bytes', [...source.graph.initializers.values()].reduce((sum, tensor) => sum + bytesBeside(tensor), bytes.length));
  const external = options.external && externalReader(options.external, { limits, modelBytes: bytes.length });
  return compile(source, { dims: options.dims ?? {}, limits, profile: options.profile ?? DEFAULT_PROFILE, onProgress: options.onProgress, ...(external && { external }) });
}

/** True if data of the model's tensors lies in other files. @throws AssayError MODEL_UNPARSABLE, MODEL_TOO_LARGE. */
export function hasExternalData(bytes: Uint8Array, options: { limits?: Partial<ModelLimits> } = {}): boolean {
  const { graph } = readModel(bytes, { ...DEFAULT_LIMITS, ...options.limits });
  return [...graph.initializers.values()].some(({ external }) => external !== undefined);
}

/** Names of the dimensions that a file leaves open, as `dims` binds them. @throws AssayError MODEL_UNPARSABLE, MODEL_TOO_LARGE, MODEL_GRAPH_INVALID. */
export function openDimensions(bytes: Uint8Array, options: { limits?: Partial<ModelLimits> } = {}): string[] {
  return openDimensionsOf(readModel(bytes, { ...DEFAULT_LIMITS, ...options.limits }));
}

/**
 * Reads a canonical file and derives everything else from it.
 * @throws AssayError MODEL_NOT_CANONICAL if compiling the file does not give the same bytes, PROFILE_UNKNOWN, and as compileModel.
 */
export function loadCanonical(bytes: Uint8Array, options: { limits?: Partial<ModelLimits> } = {}): CanonicalModel {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const source = readModel(bytes, limits);
  const model = compile(source, { dims: {}, limits, profile: profileOf(source) });
  if (!equalBytes(model.onnx, bytes)) throw new AssayError({ code: 'MODEL_NOT_CANONICAL', facts: { modelId: model.manifest.modelId } });
  return model;
}

function compile(source: OnnxModel, { profile, ...options }: ImportOptions & { profile: Profile }): CanonicalModel {
  const lowered = importModel(source, options);
  const graph = numberGraph(lowered);
  checkLimit(options.limits, 'bytes', graph.initializers.reduce((sum, { data }) => sum + data.length, 0));
  const manifest = manifestOf(graph, profile);
  return {
    onnx: emitOnnx(graph, { profile: profile.id }),
    manifest,
    initializers: graph.initializers,
    valueNames: valueNames(graph),
    report: reportOf({ source, manifest, initializers: graph.initializers, lowered: lowered.lowered }),
    graph,
  };
}

function profileOf(source: OnnxModel): Profile {
  const id = source.metadata.get(PROFILE_KEY);
  if (id === undefined) throw new AssayError({ code: 'MODEL_NOT_CANONICAL', message: 'The file names no numeric profile.', facts: {} });
  const profile = PROFILES.get(id as Profile['id']);
  if (!profile) throw new AssayError({ code: 'PROFILE_UNKNOWN', facts: { profile: id.slice(0, 80), known: [...PROFILES.keys()] } });
  return profile;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
