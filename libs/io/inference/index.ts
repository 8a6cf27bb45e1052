export { SessionCache } from './cache.js';
export { openSession, traceFrom, type InferenceSession, type SessionOptions, type Splice } from './session.js';
export { selfTest, type Mismatch, type SelfTestOptions, type SelfTestVerdict } from './self-test.js';
export { openTested, type TestedModel } from './tested.js';
