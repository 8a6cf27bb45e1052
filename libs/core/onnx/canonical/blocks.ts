/** Block of a matrix product whose right side is a constant: MLAS packs it in slices of 256 (MLAS_SGEMM_PACKED_STRIDEK). */
export const PACKED_BLOCK = 256;

/** Block of the kernel for 1×1 windows: it takes so many channels at a time (onnxruntime/core/mlas/lib/snchwc.cpp, MlasNchwcConv pointwise). */
export const POINTWISE_BLOCK = 128;

/** Fewer channels than this, the narrowest block of MLAS's kernels, are summed channel by channel. */
export const FEW_CHANNELS = 8;

/**
 * Block size over K that MLAS takes for a product whose right side is not packed, from its width N and K, and whether its
 * left side lies transposed. Rule found by measurement (docs/numerics.md); source of the strides:
 * onnxruntime/core/mlas/lib/sgemm.cpp (MlasSgemmOperation), convolve.cpp.
 */
export function blockSize(n: number, k: number, transposed = false): number {
  let strideN = 128;
  let strideK = 128;
  if (n >= k) while (strideK / 2 >= k) strideK /= 2;
  else if (!transposed) {
    while (strideN > 16 && strideN / 2 >= n) {
      strideK *= 2;
      strideN /= 2;
    }
  }
  return strideK;
}
