import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { byteLength, tensorRoot, type Root, type Tensor, type TensorHeader } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { readIfThere, replaceFile } from '#platform';

/** A tensor kept elsewhere: its header and its root. */
export interface TensorRef extends TensorHeader {
  readonly root: Root;
}

/** Tensors on disk by their root. */
export class TensorFiles {
  private constructor(private readonly dir: string) {}

  static async open(dir: string): Promise<TensorFiles> {
    await mkdir(dir, { recursive: true });
    return new TensorFiles(dir);
  }

  /** @param root the tensor’s, from whoever computed it before */
  async put(tensor: Tensor, root = tensorRoot(tensor)): Promise<TensorRef> {
    await replaceFile(join(this.dir, root), tensor.data);
    return { dtype: tensor.dtype, dims: [...tensor.dims], root };
  }

  /** @throws AssayError FILE_UNREADABLE if the tensor is not there or not what it was */
  async get(ref: TensorRef): Promise<Tensor> {
    return wholeTensor(ref, await readIfThere(join(this.dir, ref.root)));
  }
}

/** The tensor that was stored. @throws AssayError FILE_UNREADABLE if the data is not there or not what it was */
export function wholeTensor({ dtype, dims, root }: TensorRef, data: Uint8Array | undefined): Tensor {
  const tensor = data && data.length === byteLength({ dtype, dims }) ? { dtype, dims, data } : undefined;
  if (!tensor || tensorRoot(tensor) !== root) throw new AssayError({ code: 'FILE_UNREADABLE', message: 'a stored tensor is missing or damaged', facts: { root } });
  return tensor;
}
