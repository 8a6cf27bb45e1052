export type { OwnGame } from './book.js';
export * from './events.js';
export * from './metrics.js';
export * from './player.js';
export * from './ports.js';
export * from './reporting.js';
export { triageFailure } from './responder.js';
export * from './verdict.js';
