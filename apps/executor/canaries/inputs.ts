import { DTYPES, elementCount, type Tensor } from '#core/hashing';

/**
 * Inputs of the kind that was served: of each tensor the elements of one job up to a place, those of the other after it. Every
 * element is one that a submitter sent at that place.
 */
export function mixedInputs(one: readonly Tensor[], other: readonly Tensor[], below: (limit: number) => number): Tensor[] {
  return one.map((tensor, i) => {
    const at = below(elementCount(tensor.dims) + 1) * DTYPES[tensor.dtype].size;
    const data = new Uint8Array(tensor.data);
    data.set(other[i]!.data.subarray(at), at);
    return { ...tensor, data };
  });
}
