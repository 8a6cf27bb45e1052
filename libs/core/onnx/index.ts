export * from './compile.js';
export type { BlockWidth } from './execution/weights.js';
export type { ExternalData } from './external.js';
export { DEFAULT_LIMITS, type ModelLimits } from './limits.js';
export * from './manifest.js';
export { DEFAULT_PROFILE, PROFILES, type Profile, type ProfileDescription } from './profile.js';
export type { NamedHeader } from './proto/write.js';
export type { CompileReport } from './report.js';
export * from './variants.js';
