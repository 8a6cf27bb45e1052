export * from './clock.js';
export * from './config.js';
export * from './logger.js';
export * from './monitoring.js';
export * from './process.js';
export * from './retry.js';
export * from './shutdown.js';
export * from './variables.js';
