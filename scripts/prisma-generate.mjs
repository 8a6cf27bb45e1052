// Writes the Prisma client from prisma/schema.prisma to libs/io/storage/generated.
// The Prisma CLI fetches its native schema engine before any command, though generate never runs it;
// naming some executable file as the engine stops the download.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const prisma = fileURLToPath(new URL('../node_modules/prisma/build/index.js', import.meta.url));
const env = {
  ...process.env,
  PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
  CHECKPOINT_DISABLE: '1',
};
const { status } = spawnSync(process.execPath, [prisma, 'generate'], { stdio: 'inherit', env, cwd: fileURLToPath(new URL('..', import.meta.url)) });
process.exit(status ?? 1);
