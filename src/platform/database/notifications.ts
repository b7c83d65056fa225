import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Client } from 'pg';
import { DataSource } from 'typeorm';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/**
 * LISTEN and NOTIFY on a connection of their own, so that a NOTIFY is never part of anybody's transaction (it would make
 * commits queue) and a LISTEN is never returned to a pool. A lost connection is opened again; whoever listens is then told
 * once more, for something may have been missed meanwhile.
 */
@Injectable()
export class Notifications {
  private readonly logger = new Logger(Notifications.name);
  private readonly listeners = new Map<string, () => void>();
  private client: Client | undefined;
  private retry: NodeJS.Timeout | undefined;
  private retry_ms = FIRST_RETRY_MS;
  private isStopped = true;

  constructor(@InjectDataSource('system') private readonly source: DataSource) {}

  /** Calls `listener` for each notification of other connections. Register before `start`. */
  listen(channel: string, listener: () => void): void {
    if (!/^[a-z_]+$/.test(channel)) throw new Error('a channel is named by lower-case letters and underscores');
    this.listeners.set(channel, listener);
  }

  /** Notifies every other process, without waiting. Lost without a connection: listeners also poll. */
  notify(channel: string): void {
    this.client?.query({ name: 'notify', text: "select pg_notify($1, '')", values: [channel] }).catch(() => undefined);
  }

  /** True while the connection stands. */
  get isConnected(): boolean {
    return this.client !== undefined;
  }

  async start(): Promise<void> {
    if (!this.isStopped) return;
    this.isStopped = false;
    await this.connect();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.retry);
    const client = this.client;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const { url } = this.source.options as { url?: string };
    const client = new Client({
      connectionString: url,
      keepAlive: true,
      application_name: 'engawa signals',
      // Signals are sent without waiting for the one before.
      pipeline: true,
    });
    client.on('error', () => this.lose(client));
    client.on('end', () => this.lose(client));
    client.on('notification', (message) => {
      const isOwn = message.processId === (client as unknown as { processID: number }).processID;
      if (!isOwn) this.listeners.get(message.channel)?.();
    });
    try {
      await client.connect();
      for (const channel of this.listeners.keys()) await client.query(`LISTEN ${channel}`);
    } catch (error) {
      this.logger.warn(`no connection for signals: ${error instanceof Error ? error.message : 'refused'}`);
      await client.end().catch(() => undefined);
      this.retryLater();
      return;
    }
    if (this.isStopped) {
      await client.end().catch(() => undefined);
      return;
    }
    this.client = client;
    this.retry_ms = FIRST_RETRY_MS;
    for (const listener of this.listeners.values()) listener();
  }

  private lose(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    client.end().catch(() => undefined);
    this.retryLater();
  }

  private retryLater(): void {
    if (this.isStopped) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.connect().catch(() => this.retryLater());
    }, this.retry_ms).unref();
    this.retry_ms = Math.min(this.retry_ms * 2, MAX_RETRY_MS);
  }
}
