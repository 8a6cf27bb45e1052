export * from './opening.js';
export * from './playing.js';
