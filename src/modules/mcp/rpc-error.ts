import type { Response } from 'express';

/** Answers a message with a JSON-RPC error before any server has seen it. */
export function answerRpcError(
  response: Response,
  status: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
  more: { readonly id?: string | number | null; readonly data?: unknown } = {},
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('content-type', 'application/json');
  const error = { code, message, ...(more.data !== undefined && { data: more.data }) };
  response.end(JSON.stringify({ jsonrpc: '2.0', error, id: more.id ?? null }));
}

/** The id of a single request, to be echoed in an error. */
export function rpcIdOf(body: unknown): string | number | null {
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}
