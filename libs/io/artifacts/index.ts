export * from './shelf.js';
export * from './tensors.js';
