import { runCli } from './program.js';

// WHY: an interrupted command may leave connections open that nobody will use again.
process.exit(await runCli(process.argv.slice(2)));
