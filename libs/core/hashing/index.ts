export * from './bytes.js';
export * from './merkle.js';
export * from './tensor.js';
