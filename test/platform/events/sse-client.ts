import { connect, type Socket } from 'node:net';

/** One message of a stream (WHATWG HTML, 9.2). */
export interface SseMessage {
  readonly id?: string;
  readonly event?: string;
  readonly data: string;
}

/** A reader of streams that speaks HTTP/1.1 over a bare socket, so that a test can stop reading or cut off anywhere. */
export class SseClient {
  readonly messages: SseMessage[] = [];
  head = '';
  isEnded = false;
  comments = 0;
  /** How long the server asked to wait before coming back, in milliseconds. */
  retry_ms = 0;
  private raw: Buffer = Buffer.alloc(0);
  private text = '';
  private waiters: (() => void)[] = [];

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => this.read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isEnded = true;
      this.wake();
    });
  }

  static open(url: string, key: string, path: string, lastEventId?: string): SseClient {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    const resume = lastEventId === undefined ? '' : `last-event-id: ${lastEventId}\r\n`;
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${key}\r\n${resume}\r\n`);
    return new SseClient(socket);
  }

  get status(): number {
    return Number(this.head.split(' ')[1]);
  }

  /** Messages that are events of the log. */
  get events(): SseMessage[] {
    return this.messages.filter(({ id }) => id !== undefined);
  }

  /** Resolves once the messages so far hold what is looked for. */
  async until(holds: (client: this) => boolean, timeout_ms = 10_000): Promise<void> {
    const end = Date.now() + timeout_ms;
    while (!holds(this)) {
      const left = end - Date.now();
      if (left <= 0)
        throw new Error(`not seen in time; got ${this.head} ${JSON.stringify(this.messages).slice(0, 2_000)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  connected(): Promise<void> {
    return this.until(({ messages }) => messages.some(({ event }) => event === 'connected'));
  }

  cut(): void {
    this.socket.destroy();
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private read(chunk: Buffer): void {
    this.raw = Buffer.concat([this.raw, chunk]);
    if (this.head === '') {
      const end = this.raw.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.raw.subarray(0, end).toString();
      this.raw = this.raw.subarray(end + 4);
    }
    let hasNew = false;
    for (;;) {
      const line = this.raw.indexOf('\r\n');
      const size = line < 0 ? Number.NaN : parseInt(this.raw.subarray(0, line).toString(), 16);
      if (Number.isNaN(size) || this.raw.length < line + size + 4) break;
      this.text += this.raw.subarray(line + 2, line + 2 + size).toString();
      this.raw = this.raw.subarray(line + 4 + size);
      hasNew = true;
      if (size === 0) this.isEnded = true;
    }
    if (!hasNew && this.text === '') return this.wake();
    const blocks = this.text.split('\n\n');
    this.text = blocks.pop() ?? '';
    for (const block of blocks) this.parse(block);
    this.wake();
  }

  private parse(block: string): void {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      if (colon === 0) this.comments++;
      else fields.set(line.slice(0, colon), line.slice(colon + 2));
    }
    this.retry_ms = Number(fields.get('retry') ?? this.retry_ms);
    const data = fields.get('data');
    if (data === undefined) return;
    const [id, event] = [fields.get('id'), fields.get('event')];
    this.messages.push({ ...(id !== undefined && { id }), ...(event !== undefined && { event }), data });
  }
}
