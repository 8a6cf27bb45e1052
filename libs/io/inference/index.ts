export type { Apart } from './apart.js';
export { Quarantine } from './quarantine.js';
export { describeMismatch, selfTest, type Mismatch, type SelfTestOptions, type SelfTestVerdict } from './self-test.js';
export { openSession, traceFrom, type InferenceSession, type SessionOptions, type Splice } from './session.js';
export { openTested, type TestedModel } from './tested-model.js';
export { dataBeside } from './external-data.js';
export { openOriginal, type OriginalSession } from './original.js';
export { costAgainst, differenceFrom, sampleInputs, type Cost, type Difference } from './comparison.js';
