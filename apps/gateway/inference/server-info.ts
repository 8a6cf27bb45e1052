import { VERSION } from '#platform';

/**
 * What this server has beyond the protocol. Triton's by Triton's names; ours:
 * assay_receipt: responses carry a receipt and who signed; assay_api_key: inference needs a bearer key with a spending cap;
 * assay_idempotency: the parameter assay_idempotency_key makes a repeated request the same job;
 * assay_half_precision: FP16 and BF16 are widened to FP32 inputs, and outputs narrowed on request (assay_datatype).
 */
export const SERVER = {
  name: 'assay',
  version: VERSION,
  extensions: ['binary_tensor_data', 'parameters', 'statistics', 'model_configuration', 'model_repository(index)', 'assay_receipt', 'assay_api_key', 'assay_idempotency', 'assay_half_precision'],
} as const;

/** The protocol's name for ONNX models. */
export const PLATFORM = 'onnx_onnxv1';
