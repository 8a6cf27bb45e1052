export * from './errors.js';
export * from './lifecycle.js';
export * from './messages.js';
export * from './economics.js';
export * from './sampling.js';
export * from './checks.js';
export * from './receipt.js';
export * from './wire.js';
