import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What came back over a bare socket: an answer, or nothing but the end of the connection. */
export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends bytes as they are, which no HTTP client would, and reads until the server closes. */
export async function sendRaw(url: string, ...parts: readonly (string | Uint8Array)[]): Promise<RawAnswer> {
  const socket = await open(url);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const part of parts) socket.write(part);
  await closed(socket);
  const text = Buffer.concat(chunks).toString();
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body: end < 0 ? '' : text.slice(end + 4) };
}

/** Sends bytes and goes away in the middle of the request. */
export async function sendAndLeave(url: string, ...parts: readonly (string | Uint8Array)[]): Promise<void> {
  const socket = await open(url);
  for (const part of parts) await new Promise((resolve) => socket.write(part, resolve));
  socket.destroy();
  await closed(socket);
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  // A server that closes early resets what is still being written; the answer has arrived by then, or there is none.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
