import pg from 'pg';
import { JOB_STATES, type JobState } from '#core/protocol';
import type { Root } from '#core/hashing';
import { z } from 'zod';
import type { JobChange, JobChanges } from './changes.js';
import { CONNECTION } from './database.js';

const CHANNEL = 'assay_jobs';
/** A notification holds less than 8,000 bytes, an id 66. */
const IDS_PER_MESSAGE = 100;
/** Changes that wait to be told; the oldest are forgotten beyond that, for those who wait look for themselves now and then. */
const MAX_WAITING = 10_000;
const GATHER_MS = 5;
const RECONNECT_MS = 500;

const messageSchema = z.object({ from: z.string(), ids: z.array(z.custom<Root>((v) => typeof v === 'string')).max(IDS_PER_MESSAGE), state: z.enum(JOB_STATES) });

/**
 * Carries changes of jobs between the processes of one PostgreSQL server, after their commit. A hint only: what is lost while
 * a connection is down is found by those who wait, who look at the job itself from time to time.
 */
export class JobNotifications {
  private client: pg.Client | undefined;
  private waiting: JobChange[] = [];
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly url: string,
    private readonly changes: JobChanges,
    private readonly self: string,
  ) {
    this.unsubscribe = changes.subscribe((change, origin) => origin === 'here' && this.gather(change));
  }

  /** Listens from now on, and again whenever the connection broke. */
  async start(): Promise<void> {
    void this.keep((await this.listen()).ended);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.unsubscribe();
    clearTimeout(this.timer);
    await this.client?.end().catch(() => {});
  }

  private async keep(ended: Promise<void>): Promise<void> {
    for (;;) {
      await ended;
      this.client = undefined;
      if (this.closed) return;
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS).unref());
      ended = (await this.listen().catch(() => ({ ended: Promise.resolve() }))).ended;
    }
  }

  /** `ended` resolves when the connection is over. */
  private async listen(): Promise<{ readonly ended: Promise<void> }> {
    const client = new pg.Client({ ...CONNECTION, connectionString: this.url, application_name: 'assay-notifications' });
    const ended = new Promise<void>((resolve) => client.once('end', () => resolve()).on('error', () => resolve()));
    client.on('notification', ({ payload }) => this.heard(payload ?? ''));
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    this.client = client;
    return { ended };
  }

  private heard(payload: string): void {
    const message = messageSchema.safeParse(parsed(payload));
    if (!message.success || message.data.from === this.self) return;
    this.changes.publish(message.data.ids, message.data.state, 'elsewhere');
  }

  private gather(change: JobChange): void {
    this.waiting.push(change);
    if (this.waiting.length > MAX_WAITING) this.waiting.shift();
    this.timer ??= setTimeout(() => void this.tell(), GATHER_MS);
  }

  /** WHY the timer stays set meanwhile: a connection takes one query at a time. */
  private async tell(): Promise<void> {
    const messages = gathered(this.waiting.splice(0)).map(({ ids, state }) => JSON.stringify({ from: this.self, ids, state }));
    await this.client?.query('SELECT pg_notify($1, message) FROM unnest($2::text[]) AS message', [CHANNEL, messages]).catch(() => {});
    this.timer = this.waiting.length > 0 && !this.closed ? setTimeout(() => void this.tell(), GATHER_MS) : undefined;
  }
}

/** Neighbours of the same state in one message. WHY only neighbours: who listens sees the states in their order. */
function gathered(changes: readonly JobChange[]): { ids: Root[]; state: JobState }[] {
  const messages: { ids: Root[]; state: JobState }[] = [];
  for (const { jobIds, state } of changes) {
    for (const id of jobIds) {
      const last = messages.at(-1);
      if (last && last.state === state && last.ids.length < IDS_PER_MESSAGE) last.ids.push(id);
      else messages.push({ ids: [id], state });
    }
  }
  return messages;
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
