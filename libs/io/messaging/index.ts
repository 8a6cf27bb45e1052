export * from './codec.js';
export * from './connection.js';
export * from './exchanges.js';
export * from './messaging.js';
export * from './nest-transport.js';
export * from './objects.js';
export * from './payloads.js';
export * from './permissions.js';
