import { byteLength, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, MAX_INLINE_TENSOR_BYTES, MODEL_BUCKET, TENSOR_BUCKET, type TensorPayload } from '#core/protocol';
import { OUTPUT_BUCKET, type Bucket, type ObjectStore, type Writer } from './objects.js';

/** Inline bytes of all tensors of one message together; leaves room for the rest below MAX_MESSAGE_BYTES. */
export const MAX_INLINE_MESSAGE_BYTES = 512 * 1024;
export const MAX_TENSOR_BYTES = 256 * 1024 * 1024;

/** Tensors and model files by content; what comes back is checked against its name. */
export class PayloadStore {
  constructor(
    private readonly objects: ObjectStore,
    private readonly writer: Writer,
  ) {}

  /** Small tensors inline as long as the message holds them, the others into the object store. */
  async pack(tensors: readonly Tensor[]): Promise<TensorPayload[]> {
    let left = MAX_INLINE_MESSAGE_BYTES;
    const payloads: TensorPayload[] = [];
    for (const tensor of tensors) {
      const inline = tensor.data.length <= Math.min(left, MAX_INLINE_TENSOR_BYTES);
      if (inline) left -= tensor.data.length;
      const header = { dtype: tensor.dtype, dims: [...tensor.dims] };
      payloads.push(inline ? { ...header, inline: tensor.data as Uint8Array<ArrayBuffer> } : { ...header, object: await this.putTensor(tensor) });
    }
    return payloads;
  }

  /**
   * The tensors of a message, from the message or from what `writer` stored.
   * @throws AssayError TENSOR_DATA_MISMATCH, TENSOR_TOO_LARGE or DATA_UNAVAILABLE
   */
  async unpack(payloads: readonly TensorPayload[], writer: Writer = 'coordinator'): Promise<Tensor[]> {
    const bytes = payloads.reduce((sum, payload) => sum + byteLength(payload), 0);
    if (bytes > MAX_TENSOR_BYTES) throw new AssayError({ code: 'TENSOR_TOO_LARGE', facts: { bytes, limit: MAX_TENSOR_BYTES } });
    const tensors: Tensor[] = [];
    for (const payload of payloads) tensors.push(payload.object ? await this.getTensor(payload.object, payload, writer) : inlineTensor(payload));
    return tensors;
  }

  async putTensor(tensor: Tensor): Promise<Root> {
    const root = tensorRoot(tensor);
    await this.objects.put({ bucket: this.bucket(this.writer), writer: this.writer, name: root }, tensor.data);
    return root;
  }

  /** Of what this process stored itself. */
  async removeTensor(root: Root): Promise<void> {
    await this.objects.remove({ bucket: this.bucket(this.writer), writer: this.writer, name: root });
  }

  private async getTensor(root: Root, payload: TensorPayload, writer: Writer): Promise<Tensor> {
    const data = await this.objects.get({ bucket: this.bucket(writer), writer, name: root }, byteLength(payload));
    const tensor: Tensor = { dtype: payload.dtype, dims: payload.dims, data };
    if (tensorRoot(tensor) !== root) throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'a stored tensor does not have its root', facts: { root, writer } });
    return tensor;
  }

  /** The file under a model's id; whether it IS that model, the reader finds out by deriving the id again. */
  async getModel(modelId: Root, bytes: number): Promise<Uint8Array> {
    return this.objects.get({ bucket: MODEL_BUCKET, writer: 'coordinator', name: modelId }, bytes);
  }

  async putModel(modelId: Root, file: Uint8Array): Promise<void> {
    await this.objects.put({ bucket: MODEL_BUCKET, writer: 'coordinator', name: modelId }, file);
  }

  private bucket(writer: Writer): Bucket {
    return writer === 'coordinator' ? TENSOR_BUCKET : OUTPUT_BUCKET;
  }
}

function inlineTensor(payload: TensorPayload): Tensor {
  const { dtype, dims, inline } = payload;
  if (inline?.length !== byteLength(payload)) {
    throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', facts: { dtype, dims, expectedBytes: byteLength(payload), bytes: inline?.length ?? 'none' } });
  }
  // WHY a copy: decoded bytes are a view into the message at any offset; sessions need aligned buffers of their own.
  return { dtype, dims, data: new Uint8Array(inline) };
}
