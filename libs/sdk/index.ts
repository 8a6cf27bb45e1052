export * from './assay.js';
export * from './charges.js';
export * from './disputes.js';
export type { FinalOperand, FinalStep } from './final-step.js';
export { executionGas } from './gas.js';
export * from './receipts.js';
export * from './requests.js';
export { readState, readWord, type Reading } from './word.js';
export * from './tensors.js';
