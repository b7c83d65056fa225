import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { McpHttpHandler } from '@modelcontextprotocol/server';
import type { Request as Incoming, Response as Outgoing } from 'express';

/** What the SDK's handler reads of a request whose body is parsed already. */
const READ_HEADERS = ['content-type', 'accept', 'mcp-protocol-version', 'mcp-method', 'mcp-name'] as const;

/**
 * Answers through a web-standard handler. The SDK's own adapter writes the parsed body out again for a Request that nobody
 * reads, and pumps a short JSON answer through a stream, which costs as much as all the rest of a call; so a Request without a body
 * is made here, and an answer that is no stream is sent in one piece. Losing the connection aborts the request.
 */
export async function serveFetch(handler: McpHttpHandler, incoming: Incoming, outgoing: Outgoing): Promise<void> {
  const lost = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) lost.abort();
  });
  const headers: Record<string, string> = {};
  for (const name of READ_HEADERS) {
    const value = incoming.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const request = new Request('http://localhost/mcp', { method: 'POST', headers, signal: lost.signal });
  const answer = await handler.fetch(request, { parsedBody: incoming.body as unknown });
  outgoing.statusCode = answer.status;
  for (const [name, value] of answer.headers) outgoing.setHeader(name, value);
  if (!answer.body) {
    outgoing.end();
  } else if (answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    outgoing.flushHeaders();
    await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), outgoing).catch(
      () => undefined,
    );
  } else {
    const text = await answer.text();
    outgoing.setHeader('content-length', Buffer.byteLength(text));
    outgoing.end(text);
  }
}
