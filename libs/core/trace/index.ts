export * from './chain.js';
export * from './faults.js';
export * from './reader.js';
export * from './toy.js';
export * from './trace.js';
