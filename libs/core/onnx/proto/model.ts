/** An ONNX file as read: names and attributes as they stand there, tensors still undecoded. */
export interface OnnxModel {
  /** Version of the default operator set. */
  readonly opset: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: OnnxGraph;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** An empty name is an input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

export interface OnnxAttribute {
  /** AttributeProto.AttributeType; 0 in old files that leave it out. */
  readonly type: number;
  readonly float?: number;
  readonly int?: bigint;
  readonly text?: string;
  readonly tensor?: OnnxTensor;
  readonly floats?: readonly number[];
  readonly ints?: readonly bigint[];
  readonly texts?: readonly string[];
}

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly bigint[];
  readonly dataType: number;
  readonly raw?: Uint8Array;
  /** float_data as little-endian bytes, in the pieces in which the file holds it. */
  readonly floats: readonly Uint8Array[];
  /** int32_data or int64_data as varints, likewise. */
  readonly varints: readonly Uint8Array[];
  /** Where the data lies if it is in another file. */
  readonly external?: ExternalLocation;
}

/** A part of a file beside the model; without a length all from the offset on. */
export interface ExternalLocation {
  readonly location: string;
  readonly offset: bigint;
  readonly length?: bigint;
}

/** A graph input or output. Each dimension is a size, a symbol, or unknown. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly dataType: number;
  /** Missing if the file gives no shape. */
  readonly dims?: readonly (bigint | string | undefined)[];
}
