import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import pg from 'pg';
import { wireTypes } from '../src/platform/database/types.js';
import { type ContactBody, CREATE, createValues, GET, LIST } from './contact-rows.js';

/*
 * What could be reached without any of our guarantees: the same rows on the same tables, written by the owner, whom
 * row-level security does not bind, for nobody in particular. One prepared statement a request, a pool as large as ours,
 * times read as text like ours; no authentication, validation, limits or log. `node peers.js http|express`.
 */

const [framework] = process.argv.slice(2);
const workspace_id = process.env['BENCH_WORKSPACE'] ?? '';
const pool = new pg.Pool({
  connectionString: process.env['DATABASE_URL'],
  max: Number(process.env['BENCH_POOL_SIZE']),
  options: '-c timezone=UTC',
  types: wireTypes,
});

async function create(body: ContactBody): Promise<unknown> {
  const { rows } = await pool.query({ name: 'create', text: CREATE, values: createValues(workspace_id, body) });
  return rows[0];
}

async function get(id: string): Promise<unknown> {
  const { rows } = await pool.query({ name: 'get', text: GET, values: [workspace_id, id] });
  return rows[0];
}

async function list(): Promise<unknown> {
  const { rows } = await pool.query({ name: 'list', text: LIST, values: [workspace_id] });
  return { items: rows };
}

const PATH = '/api/v1/contacts';

function bare() {
  const answer = (response: ServerResponse, status: number, body: unknown) => {
    const text = JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? '';
    if (request.method === 'POST') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      return answer(response, 201, await create(JSON.parse(Buffer.concat(chunks).toString()) as ContactBody));
    }
    if (url.startsWith(`${PATH}/`)) {
      const row = await get(url.slice(PATH.length + 1));
      return answer(response, row ? 200 : 404, row ?? {});
    }
    return answer(response, 200, await list());
  };
  return createServer((request, response) => {
    serve(request, response).catch((error: unknown) => answer(response, 500, { error: String(error) }));
  });
}

function usual() {
  const app = express();
  app.use(express.json());
  app.post(PATH, async (request, response) => {
    response.status(201).json(await create(request.body as ContactBody));
  });
  app.get(`${PATH}/:id`, async (request, response) => {
    const row = await get(request.params.id);
    response.status(row ? 200 : 404).json(row ?? {});
  });
  app.get(PATH, async (_request, response) => {
    response.json(await list());
  });
  return createServer(app);
}

const server = framework === 'express' ? usual() : bare();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${framework} is ready at http://127.0.0.1:${port}\n`);
});
process.once('SIGTERM', () => process.exit(0));
