import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { Notifications } from '../database/notifications.js';

/** What one can be woken for: rows in the log, jobs to do, changed rights (a sign-out, a revoked key). */
const CHANNELS = ['log', 'jobs', 'access'] as const;

export type SignalChannel = (typeof CHANNELS)[number];

/** Least time between two notifications of one channel by one process. */
const NOTIFY_INTERVAL_MS = 20;

/**
 * Work that waits in a table must start at once, yet nothing may depend on a message that can get lost. So a signal carries
 * nothing: it wakes loops of this process directly and those of other processes by NOTIFY, and every loop polls besides, at
 * most a second apart. A lost signal costs time, never work.
 */
@Injectable()
export class LiveSignals implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly emitter = new EventEmitter2({ maxListeners: 0 });
  private readonly pending = new Set<SignalChannel>();
  private readonly notified_at_ms = new Map<SignalChannel, number>();
  private readonly timers = new Map<SignalChannel, NodeJS.Timeout>();

  constructor(private readonly notifications: Notifications) {
    for (const channel of CHANNELS) notifications.listen(`engawa_${channel}`, () => this.emitter.emit(channel));
  }

  /** Wakes every listener here and in other processes. Cheap; many calls in a row are one signal. */
  signal(channel: SignalChannel): void {
    if (this.pending.has(channel)) return;
    this.pending.add(channel);
    setImmediate(() => {
      this.pending.delete(channel);
      this.emitter.emit(channel);
      this.notify(channel);
    });
  }

  /** Calls `listener`, which must only set a loop going, for each signal. @returns how to stop listening. */
  on(channel: SignalChannel, listener: () => void): () => void {
    this.emitter.on(channel, listener);
    return () => this.emitter.off(channel, listener);
  }

  onApplicationBootstrap(): Promise<void> {
    return this.notifications.start();
  }

  async onModuleDestroy(): Promise<void> {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    await this.notifications.stop();
  }

  private notify(channel: SignalChannel): void {
    if (this.timers.has(channel)) return;
    const wait_ms = (this.notified_at_ms.get(channel) ?? 0) + NOTIFY_INTERVAL_MS - performance.now();
    if (wait_ms <= 0) {
      this.send(channel);
      return;
    }
    const timer = setTimeout(() => {
      this.timers.delete(channel);
      this.send(channel);
    }, wait_ms);
    this.timers.set(channel, timer.unref());
  }

  private send(channel: SignalChannel): void {
    this.notified_at_ms.set(channel, performance.now());
    this.notifications.notify(`engawa_${channel}`);
  }
}
