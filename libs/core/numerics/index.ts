export * from './descriptor.js';
export * from './operator.js';
