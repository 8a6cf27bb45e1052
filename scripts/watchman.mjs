// Ends processes that outlive the one that started them, however that one ended: SIGKILL leaves nobody else to do it.
// Told on standard input, one line each: "+<pid>" when a process starts, "-<pid>" when it ended. When standard input closes,
// what is left gets SIGTERM, and SIGKILL after a grace period.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const GRACE_MS = 3_000;
const LOOK_MS = 50;
const watched = new Set();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) watched.add(pid);
  else watched.delete(pid);
}

const send = (signal) => {
  for (const pid of watched) {
    try {
      process.kill(pid, signal);
    } catch {
      watched.delete(pid);
    }
  }
};

send('SIGTERM');
for (const end = Date.now() + GRACE_MS; watched.size > 0 && Date.now() < end; send(0)) await sleep(LOOK_MS);
send('SIGKILL');
