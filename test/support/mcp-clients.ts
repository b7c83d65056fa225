import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Json } from './app.js';

/** What tests ask of a client of either generation. */
export interface McpClient {
  readonly generation: 'modern' | 'legacy';
  tools(): Promise<Json[]>;
  call(name: string, args?: Record<string, unknown>, options?: CallSettings): Promise<Json>;
  read(uri: string): Promise<Json>;
  /** The protocol revision that both sides agreed on. */
  revision(): string | undefined;
  readonly raw: ModernClient | LegacyClient;
  close(): Promise<void>;
}

export interface CallSettings {
  readonly signal?: AbortSignal;
  readonly onprogress?: (report: { progress: number; total?: number; message?: string }) => void;
}

const identity = { name: 'engawa-tests', version: '1.0.0' };

/** The official client of the protocol's present generation. */
export async function modernClient(url: string, key: string): Promise<McpClient> {
  const client = new ModernClient(identity, { versionNegotiation: { mode: 'auto' } });
  const transport = new ModernTransport(new URL('/mcp', url), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });
  await client.connect(transport);
  return {
    generation: 'modern',
    raw: client,
    tools: async () => (await client.listTools()).tools,
    call: (name, args = {}, options) => client.callTool({ name, arguments: args }, options),
    read: (uri) => client.readResource({ uri }),
    revision: () => client.getNegotiatedProtocolVersion(),
    close: () => client.close(),
  };
}

/** The official client of the generation before, an independent implementation. */
export async function legacyClient(url: string, key: string): Promise<McpClient> {
  const client = new LegacyClient(identity);
  const transport = new LegacyTransport(new URL('/mcp', url), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  });
  await client.connect(transport);
  return {
    generation: 'legacy',
    raw: client,
    tools: async () => (await client.listTools()).tools,
    call: (name, args = {}, options) => client.callTool({ name, arguments: args }, undefined, options),
    read: (uri) => client.readResource({ uri }),
    revision: () => transport.protocolVersion,
    // The session is left to the server: ending it here makes this client try to get its stream back.
    close: () => client.close(),
  };
}

export const GENERATIONS = [
  ['modern', modernClient],
  ['legacy', legacyClient],
] as const;
