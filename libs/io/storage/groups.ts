interface Entry<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

export interface GroupsOptions<T, R> {
  /** Does a group's work and gives the results in the group's order. */
  readonly work: (group: readonly T[]) => Promise<readonly R[]>;
  /** Items of a group at most. */
  readonly max: number;
  /** Whether an error says something about the whole group, and not about one item of it. */
  readonly concernsAll: (error: unknown) => boolean;
}

/**
 * Work under a key, one group at a time: what comes while a group is in work goes into the next one.
 * WHY: things that wait for one lock would each hold a connection while they wait, until none is left for anything else.
 */
export class Groups<T, R> {
  private readonly queues = new Map<string, Entry<T, R>[]>();

  constructor(private readonly options: GroupsOptions<T, R>) {}

  run(key: string, item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      const entry = { item, resolve, reject };
      const queue = this.queues.get(key);
      if (queue) return void queue.push(entry);
      this.queues.set(key, [entry]);
      void this.drain(key);
    });
  }

  private async drain(key: string): Promise<void> {
    const queue = this.queues.get(key)!;
    while (queue.length > 0) await this.settle(queue.splice(0, this.options.max));
    this.queues.delete(key);
  }

  /** WHY one by one after an error: what is wrong with one must not be told to the others. */
  private async settle(group: readonly Entry<T, R>[]): Promise<void> {
    try {
      const results = await this.options.work(group.map(({ item }) => item));
      group.forEach(({ resolve }, i) => resolve(results[i]!));
    } catch (error) {
      if (group.length === 1 || this.options.concernsAll(error)) return group.forEach(({ reject }) => reject(error));
      for (const entry of group) await this.settle([entry]);
    }
  }
}
