import type { OutgoingEvent, StreamSubscriber } from './stream-subscriber.js';

/** Subscribers of one workspace that want the same events in the same form. */
type Group = Set<StreamSubscriber>;

/** Who gets what: workspace -> filter -> subscribers. Bytes are put together once per filter, not per subscriber. */
export class StreamIndex {
  private readonly workspaces = new Map<string, Map<string, Group>>();

  add(subscriber: StreamSubscriber): void {
    const { workspace_id } = subscriber.principal;
    const groups = this.workspaces.get(workspace_id) ?? new Map<string, Group>();
    this.workspaces.set(workspace_id, groups);
    const group = groups.get(subscriber.groupKey) ?? new Set();
    groups.set(subscriber.groupKey, group.add(subscriber));
  }

  remove(subscriber: StreamSubscriber): void {
    const { workspace_id } = subscriber.principal;
    const groups = this.workspaces.get(workspace_id);
    const group = groups?.get(subscriber.groupKey);
    if (!groups || !group) return;
    group.delete(subscriber);
    if (group.size === 0) groups.delete(subscriber.groupKey);
    if (groups.size === 0) this.workspaces.delete(workspace_id);
  }

  get isEmpty(): boolean {
    return this.workspaces.size === 0;
  }

  workspaceIds(): string[] {
    return [...this.workspaces.keys()];
  }

  of(workspace_id: string): StreamSubscriber[] {
    return [...(this.workspaces.get(workspace_id)?.values() ?? [])].flatMap((group) => [...group]);
  }

  /** Hands events of one workspace, in log order, to everybody there who wants them. */
  deliver(workspace_id: string, events: readonly OutgoingEvent[]): void {
    for (const group of this.workspaces.get(workspace_id)?.values() ?? []) {
      const [first] = group;
      if (!first) continue;
      const wanted = events.filter(({ event }) => first.wants(event));
      if (wanted.length === 0) continue;
      const bytes = wanted.map((each) => each.as(first.filter.format));
      const [only] = bytes;
      const together = bytes.length === 1 && only ? only : Buffer.concat(bytes);
      for (const subscriber of group) subscriber.take(wanted, together);
    }
  }
}
