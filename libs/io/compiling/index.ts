export { Compiler, type Compiled, type CompilerLimits, type Source } from './compiler.js';
