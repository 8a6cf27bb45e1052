/** One message: a job with its tensors. Larger inputs do not belong into a unary call. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** A model file travels in pieces of this size. */
export const MODEL_CHUNK_BYTES = 256 * 1024;
/** To one listener at once; what comes beyond is closed. */
export const MAX_CONNECTIONS = 4_096;
