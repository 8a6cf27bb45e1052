// What `npm install @assay/sdk` gives: scripts/build-sdk.mjs makes the package from this file.
export { connect, type Assay, type ConnectOptions } from './assay.js';
export type { Answered, Outcome, StreamedAnswer, SubmitOptions, WaitOptions } from './connection.js';
export { verifyOnChain } from './receipts.js';
export { replayReceipt, type Replay } from './replay.js';
export { contestCharge, contestId, listCharges, resolveContest, type ChargeView } from './charges.js';
export { inputRootOf, type RequestOptions } from './requests.js';
export { tensorOf, valuesOf, type TypedArray } from './tensors.js';
export type { Dtype, Root, Tensor } from '#core/hashing';
export { AssayError, formatReceipt, parseReceipt, receiptJsonSchema, type ErrorCode, type Receipt, type ReceiptVerdict } from '#core/protocol';
export { connectChain, readDeployment, type Chain, type Deployment } from '#io/chain';
