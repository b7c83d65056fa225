import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { OutboundConfig } from '../../config/outbound-config.js';
import { AddressResolver, type ResolvedAddress } from '../../src/platform/outbound/address-resolver.js';
import { Outbound } from '../../src/platform/outbound/outbound.js';
import type { OutboundAnswer, OutboundRequest } from '../../src/platform/outbound/outbound-answer.js';
import { TransactionProbe } from '../../src/platform/outbound/transaction-probe.js';

class Probe extends TransactionProbe {
  is_open = false;

  isOpen(): boolean {
    return this.is_open;
  }
}

/** Answers each question from a list, the last one for ever. */
class ScriptedResolver extends AddressResolver {
  asked = 0;

  constructor(private readonly answers: readonly (readonly string[])[]) {
    super();
  }

  override resolve(): Promise<ResolvedAddress[]> {
    const answer = this.answers[Math.min(this.asked, this.answers.length - 1)] ?? [];
    this.asked += 1;
    return Promise.resolve(answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  }
}

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function outbound(
  config: Partial<OutboundConfig> = {},
  resolver = new AddressResolver(),
  probe = new Probe(),
): Outbound {
  const client = new Outbound(Object.assign(new OutboundConfig(), config), probe, resolver);
  cleanups.push(() => client.onApplicationShutdown());
  return client;
}

/** A client for which 127.0.0.0/8 and ::1 are opened, as an operator would. */
function local(resolver?: AddressResolver): Outbound {
  return outbound({ allow_cidrs: ['127.0.0.0/8', '::1/128'], allow_http: true }, resolver);
}

function ask(client: Outbound, url: string, more: Partial<OutboundRequest> = {}): Promise<OutboundAnswer> {
  return client.request({ url, method: 'GET', timeout_ms: 5_000, max_bytes: 65_536, ...more });
}

async function listen(server: Server | ReturnType<typeof createSocketServer>, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function serve(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}`;
}

/** A raw server that sends what it is told once a request came; counts its connections. */
async function serveRaw(
  respond: (socket: Socket) => void,
): Promise<{ url: string; port: number; connections: Socket[] }> {
  const connections: Socket[] = [];
  const server = createSocketServer((socket) => {
    connections.push(socket);
    socket.once('data', () => respond(socket));
  });
  const port = await listen(server);
  return { url: `http://127.0.0.1:${port}`, port, connections };
}

function closed(socket: Socket): Promise<unknown> {
  return socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve));
}

describe('the guard', () => {
  it.each([
    'http://127.0.0.1',
    'http://127.1',
    'http://0x7f.1',
    'http://0x7f000001',
    'http://2130706433',
    'http://0177.0.0.1',
    'http://017700000001',
    'http://127.0.0.1.',
    'http://１２７.0.0.1',
    'http://①②⑦.⓪.⓪.①',
    'http://127。0。0。1',
    'http://127.0.0.%31',
    'http://0',
    'http://[::1]',
    'http://[::]',
    'http://[0:0:0:0:0:0:0:1]',
    'http://[::ffff:127.0.0.1]',
    'http://[::FFFF:7f00:1]',
    'http://[0:0:0:0:0:ffff:127.0.0.1]',
    'http://[::127.0.0.1]',
    'http://[64:ff9b::7f00:1]',
    'http://[2002:7f00:1::]',
    'http://localhost',
    'http:\\\\127.0.0.1',
    ' http://127.0.0.1',
  ])('connects to nothing for %j', async (base) => {
    const target = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    const answer = await ask(outbound({ allow_http: true }), `${base}:${target.port}/`);
    expect(answer).toMatchObject({ outcome: 'failed', reason: 'address-not-allowed' });
    expect(target.connections).toHaveLength(0);
  });

  it('connects to nothing for a local name with a trailing dot', async () => {
    const target = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    const answer = await ask(outbound({ allow_http: true }), `http://LOCALHOST.:${target.port}/`);
    // Some resolvers know no such name.
    expect(answer).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^(?:address-not-allowed|dns)$/) });
    expect(target.connections).toHaveLength(0);
  });

  it.each([
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '192.168.1.1',
    '0.0.0.0',
    '255.255.255.255',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%lo',
    '64:ff9b::7f00:1',
  ])('refuses a name that resolves to %s alone', async (address) => {
    const answer = await ask(outbound({}, new ScriptedResolver([[address]])), 'https://hooks.example.com/');
    expect(answer).toMatchObject({ outcome: 'failed', reason: 'address-not-allowed' });
  });

  it('goes to the address that was checked and to no other of the same name', async () => {
    const server = createServer((request, response) => response.end(request.socket.localAddress));
    const port = await listen(server, '0.0.0.0');
    const client = outbound(
      { allow_cidrs: ['127.0.0.2/32'], allow_http: true },
      new ScriptedResolver([['127.0.0.1', '127.0.0.2', '::1']]),
    );
    const answer = await ask(client, `http://hooks.example.com:${port}/`);
    expect(answer).toMatchObject({ outcome: 'answered', remote_address: '127.0.0.2', body: Buffer.from('127.0.0.2') });
  });

  it('is not fooled by a name that was public at registration and is private at connect', async () => {
    const target = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    const resolver = new ScriptedResolver([['93.184.216.34'], ['127.0.0.1']]);
    const client = outbound({ allow_http: true }, resolver);
    const url = `http://rebind.example.com:${target.port}/`;
    expect(await client.objectionTo(url)).toBeNull();
    expect(await ask(client, url)).toMatchObject({ outcome: 'failed', reason: 'address-not-allowed' });
    expect(target.connections).toHaveLength(0);
    expect(resolver.asked).toBe(2);
  });

  it('asks for the address once per connection, so there is no second answer to slip in', async () => {
    const url = await serve((_, response) => response.end('ok'));
    const resolver = new ScriptedResolver([['127.0.0.1'], ['10.0.0.1']]);
    const answer = await ask(local(resolver), url.replace('127.0.0.1', 'hooks.example.com'));
    expect(answer).toMatchObject({ outcome: 'answered', status: 200 });
    expect(resolver.asked).toBe(1);
  });

  it('opens a named host whatever its address, also over http, and no other host', async () => {
    const url = await serve((_, response) => response.end('ok'));
    const client = outbound({ allow_hosts: ['Receiver.Internal'] }, new ScriptedResolver([['127.0.0.1']]));
    const named = url.replace('127.0.0.1', 'receiver.internal');
    expect(await ask(client, named)).toMatchObject({ outcome: 'answered', status: 200 });
    expect(await client.objectionTo(named)).toBeNull();
    expect(await ask(client, url.replace('127.0.0.1', 'other.internal'))).toMatchObject({
      reason: 'address-not-allowed',
    });
    expect(await ask(client, url)).toMatchObject({ reason: 'address-not-allowed' });
  });

  it.each([
    ['not a url', 'absolute'],
    ['ftp://example.com/', 'https'],
    ['http://example.com/', 'https'],
    ['https://ada:pw@example.com/', 'user name'],
    ['https://example.com/#top', 'fragment'],
    ['https://example.com/#', 'fragment'],
    ['https://example.com:22/', 'Port 22'],
    ['https://example.com:0/', 'Port 0'],
    ['https://0x08080808/', 'usual notation'],
    ['https://8.8.2056/', 'usual notation'],
    [`https://example.com/${'a'.repeat(2048)}`, 'longer'],
  ])('refuses the form of %s', async (url, sentence) => {
    const resolver = new ScriptedResolver([['93.184.216.34']]);
    const client = outbound({}, resolver);
    expect(await ask(client, url)).toMatchObject({
      reason: 'address-not-allowed',
      detail: expect.stringContaining(sentence),
    });
    expect(await client.objectionTo(url)).toContain(sentence);
    expect(resolver.asked).toBe(0);
  });

  it('objects to a private address at registration, and not to a name that cannot be resolved now', async () => {
    expect(await outbound({}, new ScriptedResolver([['10.0.0.1']])).objectionTo('https://a.example.com/')).toContain(
      'public',
    );
    expect(await outbound({}, new ScriptedResolver([[]])).objectionTo('https://a.example.com/')).toBeNull();
  });

  it('refuses to work while a transaction is open', async () => {
    const probe = new Probe();
    const client = outbound({}, new ScriptedResolver([['127.0.0.1']]), probe);
    probe.is_open = true;
    await expect(ask(client, 'https://example.com/')).rejects.toThrow('transaction');
    await expect(client.objectionTo('https://example.com/')).rejects.toThrow('transaction');
    probe.is_open = false;
    expect(await ask(client, 'https://example.com/')).toMatchObject({ outcome: 'failed' });
  });
});

describe('an exchange', () => {
  it('sends method, headers and bytes as given, and answers with status, headers and body', async () => {
    let received: { request: IncomingMessage; body: Buffer } | undefined;
    const url = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received = { request, body: Buffer.concat(chunks) };
        response.writeHead(201, { 'x-answer': 'yes', 'set-cookie': ['a=1', 'b=2'] }).end('done 😀');
      });
    });
    const body = Buffer.from('{"emoji":"😀"}');
    const answer = await ask(local(), `${url}/path?q=1`, {
      method: 'POST',
      headers: { 'X-Own': 'value', 'Content-Type': 'application/json' },
      body,
    });
    expect(answer).toMatchObject({
      outcome: 'answered',
      status: 201,
      headers: { 'x-answer': 'yes', 'set-cookie': ['a=1', 'b=2'] },
      body: Buffer.from('done 😀'),
      is_truncated: false,
      remote_address: '127.0.0.1',
      duration_ms: expect.any(Number),
    });
    expect(received?.body).toEqual(body);
    expect(received?.request).toMatchObject({ method: 'POST', url: '/path?q=1' });
    expect(received?.request.headers).toEqual({
      host: new URL(url).host,
      connection: 'keep-alive',
      'user-agent': 'Engawa',
      'accept-encoding': 'identity',
      'content-type': 'application/json',
      'content-length': String(body.length),
      'x-own': 'value',
    });
  });

  it('keeps connections for the next exchanges with the same origin', async () => {
    const ports = new Set<number | undefined>();
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    const client = local();
    for (let round = 0; round < 10; round += 1) await ask(client, url, { method: 'POST', body: 'x' });
    // A connection is free again one tick after its answer, so the second exchange may open a second one.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it('answers a redirect and never follows it', async () => {
    const inside = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    const url = await serve((_, response) => response.writeHead(301, { location: inside.url }).end());
    expect(await ask(local(), url)).toMatchObject({
      outcome: 'answered',
      status: 301,
      headers: { location: inside.url },
    });
    expect(inside.connections).toHaveLength(0);
  });

  it.each([
    ['Host', 'internal'],
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Accept-Encoding', 'gzip'],
    ['x-own', 'a\r\nx-injected: b'],
    ['bad name', 'x'],
  ])('refuses the header %s', async (name, value) => {
    const target = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    expect(await ask(local(), target.url, { headers: { [name]: value } })).toMatchObject({
      outcome: 'failed',
      reason: 'protocol',
    });
    expect(target.connections).toHaveLength(0);
  });

  it('keeps a body of exactly max_bytes whole, and cuts one byte more', async () => {
    const url = await serve((request, response) => response.end('x'.repeat(Number(request.url?.slice(1)))));
    expect(await ask(local(), `${url}/4096`, { max_bytes: 4_096 })).toMatchObject({
      is_truncated: false,
      body: { length: 4_096 },
    });
    expect(await ask(local(), `${url}/4097`, { max_bytes: 4_096 })).toMatchObject({
      is_truncated: true,
      body: { length: 4_096 },
    });
  });

  it('reads max_bytes of an endless body, lets the status count and ends the connection', async () => {
    const block = 'x'.repeat(65_536);
    const target = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const pour = (): void => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', pour);
      pour();
    });
    expect(await ask(local(), target.url)).toMatchObject({
      outcome: 'answered',
      status: 200,
      is_truncated: true,
      body: { length: 65_536 },
    });
    for (const socket of target.connections) await closed(socket);
    expect(target.connections).toHaveLength(1);
  });

  it('does not decompress: a gzip bomb stays as small as it was sent', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const url = await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    expect(await ask(local(), url)).toMatchObject({
      outcome: 'answered',
      is_truncated: false,
      body: { length: bomb.length },
    });
  });
});

describe('what the other side may do', () => {
  const TIMEOUT_MS = 300;

  async function expectTimeout(client: Outbound, url: string): Promise<void> {
    const answer = await ask(client, url, { timeout_ms: TIMEOUT_MS });
    expect(answer).toMatchObject({ outcome: 'failed', reason: 'timeout' });
    expect(answer.duration_ms).toBeGreaterThanOrEqual(TIMEOUT_MS - 5);
    expect(answer.duration_ms).toBeLessThan(TIMEOUT_MS + 1_000);
  }

  /** Sends a byte again and again, more often than any idle timer would fire. */
  function drip(socket: Socket, byte: string): void {
    const timer = setInterval(() => socket.write(byte), 20);
    socket.once('close', () => clearInterval(timer));
  }

  it('never answers: timeout', async () => {
    const target = await serveRaw(() => undefined);
    await expectTimeout(local(), target.url);
    for (const socket of target.connections) await closed(socket);
    expect(target.connections).toHaveLength(1);
  });

  it('sends a byte of the body now and then: the clock is not prolonged', async () => {
    const target = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
      drip(socket, 'x');
    });
    await expectTimeout(local(), target.url);
    for (const socket of target.connections) await closed(socket);
  });

  it('sends a byte of the headers now and then: the clock is not prolonged', async () => {
    const target = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
      drip(socket, 'x');
    });
    await expectTimeout(local(), target.url);
  });

  it('sends endless interim answers: the clock is not prolonged', async () => {
    const target = await serveRaw((socket) => drip(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'));
    await expectTimeout(local(), target.url);
  });

  it('has a name server that never answers: timeout', async () => {
    class Hanging extends AddressResolver {
      override resolve(): Promise<ResolvedAddress[]> {
        return new Promise(() => undefined);
      }
    }
    await expectTimeout(local(new Hanging()), 'http://hooks.example.com:8080/');
  });

  it.each([
    ['many headers', 'x-flood: aaaaaaaaaaaaaaaa\r\n'],
    ['one endless header', 'a'.repeat(1_000)],
  ])('floods with %s: too-large', async (_, piece) => {
    const target = await serveRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx: ');
      const pour = (): void => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on('drain', pour);
      pour();
    });
    expect(await ask(local(), target.url)).toMatchObject({ outcome: 'failed', reason: 'too-large' });
    for (const socket of target.connections) await closed(socket);
  });

  it.each([
    ['at once', ''],
    ['in the headers', 'HTTP/1.1 200 OK\r\nx-half: '],
    ['in the body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf'],
  ])('resets %s: reset', async (_, sent) => {
    const target = await serveRaw((socket) => socket.write(sent, () => socket.resetAndDestroy()));
    expect(await ask(local(), target.url)).toMatchObject({ outcome: 'failed', reason: 'reset' });
  });

  it('closes politely in the middle of the body: reset', async () => {
    const target = await serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
    expect(await ask(local(), target.url)).toMatchObject({ outcome: 'failed', reason: 'reset' });
  });

  it.each([
    'SSH-2.0-OpenSSH_9.6\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
  ])('speaks something else (%j): protocol', async (sent) => {
    const target = await serveRaw((socket) => socket.end(sent));
    expect(await ask(local(), target.url)).toMatchObject({ outcome: 'failed', reason: 'protocol' });
  });

  it('is not there: connect', async () => {
    const target = await serveRaw(() => undefined);
    for (const cleanup of cleanups.splice(0)) await cleanup();
    expect(await ask(local(), target.url)).toMatchObject({ outcome: 'failed', reason: 'connect' });
    expect(
      await ask(local(new ScriptedResolver([['127.0.0.1', '::1']])), target.url.replace('127.0.0.1', 'gone.example')),
    ).toMatchObject({ reason: 'connect' });
  });

  it('has no address: dns', async () => {
    expect(await ask(local(new ScriptedResolver([[]])), 'https://gone.example.com/')).toMatchObject({ reason: 'dns' });
    expect(await ask(local(), 'https://does-not-exist.invalid/')).toMatchObject({ reason: 'dns' });
  });

  it('has a certificate that nobody vouches for, or no TLS at all: tls', async () => {
    const pem = readFileSync(new URL('../fixtures/self-signed.pem', import.meta.url));
    const port = await listen(createTlsServer({ key: pem, cert: pem }, (_, response) => response.end('secret')));
    expect(await ask(local(), `https://127.0.0.1:${port}/`)).toMatchObject({ outcome: 'failed', reason: 'tls' });
    const plain = await serve((_, response) => response.end('ok'));
    expect(await ask(local(), plain.replace('http:', 'https:'))).toMatchObject({ outcome: 'failed', reason: 'tls' });
  });

  it('fails in ways that leave other exchanges alone', async () => {
    const hanging = await serveRaw(() => undefined);
    const healthy = await serve((_, response) => response.end('ok'));
    const client = local();
    const stuck = Array.from({ length: 50 }, () => ask(client, hanging.url, { timeout_ms: TIMEOUT_MS }));
    expect(await ask(client, healthy)).toMatchObject({ outcome: 'answered' });
    expect(await Promise.all(stuck)).toEqual(
      Array.from({ length: 50 }, () => expect.objectContaining({ reason: 'timeout' })),
    );
    expect(await ask(client, healthy)).toMatchObject({ outcome: 'answered' });
  });
});
