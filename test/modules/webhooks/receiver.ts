import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Webhook } from 'standardwebhooks';

/** One delivery as the receiver got it. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type Respond = (received: Received, response: Parameters<RequestListener>[1], nth: number) => void;

/** A real receiver on a loopback port. It answers 204 unless it is told otherwise, and keeps what it got. */
export class Receiver {
  readonly received: Received[] = [];
  respond: Respond = (_received, response) => response.writeHead(204).end();
  private readonly sockets = new Set<Socket>();
  private readonly listeners = new Set<() => void>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const received = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) };
        receiver.received.push(received);
        for (const listener of receiver.listeners) listener();
        receiver.respond(received, response, receiver.received.length);
      });
    });
    const receiver = new Receiver(server);
    server.on('connection', (socket) => {
      receiver.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => receiver.sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  /** From now on with this status and these headers. */
  answer(status: number, headers: Record<string, string> = {}, body = ''): void {
    this.respond = (_received, response) => response.writeHead(status, headers).end(body);
  }

  /** Forgets what came and answers 204 again. */
  reset(): void {
    this.received.length = 0;
    this.answer(204);
  }

  /** Resolves when so many deliveries have come. */
  has(count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.received.length < count) return;
        this.listeners.delete(look);
        resolve();
      };
      this.listeners.add(look);
      look();
    });
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** What an independent implementation of Standard Webhooks makes of a delivery; throws when it does not verify. */
export function verified(secret: string, { headers, body }: Pick<Received, 'headers' | 'body'>): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}
