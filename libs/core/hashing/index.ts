export * from './bytes.js';
export * from './input-parts.js';
export * from './merkle.js';
export * from './tensor.js';
