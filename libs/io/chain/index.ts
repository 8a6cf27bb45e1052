export * from './calls.js';
export * from './connection.js';
export * from './deployment.js';
export * from './events.js';
export * from './generated/abis.js';
export * from './revert.js';
export * from './sender.js';
export * from './token.js';
