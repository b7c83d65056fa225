/** Collects results and records them together: after 100 of them or 5 ms, whichever comes first. */
export class Grouped<Item extends { readonly id: string }> {
  private items: { item: Item; resolve: (stood: boolean) => void }[] = [];
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param record writes a group and answers the ids of those that still stood; null when it gave up.
   */
  constructor(private readonly record: (items: readonly Item[]) => Promise<ReadonlySet<string> | null>) {}

  /** Resolves once recorded: false when the lease was lost or the database stayed away. */
  add(item: Item): Promise<boolean> {
    return new Promise((resolve) => {
      this.items.push({ item, resolve });
      if (this.items.length >= 100) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), 5);
    });
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const group = this.items;
    this.items = [];
    const settle = (stood: ReadonlySet<string> | null) => {
      for (const { item, resolve } of group) resolve(stood?.has(item.id) ?? false);
    };
    this.record(group.map(({ item }) => item)).then(settle, () => settle(null));
  }
}
