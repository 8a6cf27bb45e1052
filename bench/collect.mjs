import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Loaded into a process of a soak (`--import`): at SIGUSR2 it collects its garbage, then makes the file that COLLECTED names.
 * WHY: a garbage collector lets memory grow until it has to look, so only what is left after a collection tells what a process holds on to.
 */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => {
  collect();
  // WHY later: pages go back to the system from another thread after the collection.
  setTimeout(() => writeFileSync(process.env.COLLECTED, ''), 500);
});
