import { Ajv2020 } from 'ajv/dist/2020.js';
import { type Caller, startTestApp, type TestApp } from '../../support/app.js';
import { GENERATIONS, type McpClient } from '../../support/mcp-clients.js';
import { FixtureTools, McpFixtures } from '../../support/mcp-fixtures.js';

let app: TestApp;
let viewer: Caller;
beforeAll(async () => {
  app = await startTestApp({}, undefined, [McpFixtures]);
  viewer = await app.workspace.key('viewer');
});
afterAll(() => app.close());

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const problemOf = (result: { _meta?: Record<string, unknown> }) =>
  result._meta?.['engawa/problem'] as {
    status: number;
    type: string;
    instance: string;
    errors?: { pointer: string }[];
  };

describe.each(GENERATIONS)('the %s client', (_generation, connect) => {
  let client: McpClient;
  const clients: McpClient[] = [];
  const connected = async (key: string) => {
    const made = await connect(app.url, key);
    clients.push(made);
    return made;
  };
  beforeAll(async () => {
    client = await connected(app.workspace.owner.key);
  });
  afterAll(() => Promise.all(clients.map((made) => made.close())));

  it('speaks the newest revision of its generation', () => {
    expect(client.revision()).toBe(client.generation === 'modern' ? '2026-07-28' : '2025-11-25');
  });

  it('lists the tools by name, each typed and described', async () => {
    const tools = await client.tools();
    const names = tools.map((tool) => tool.name);
    expect(names).toEqual([...names].sort((a, b) => (a < b ? -1 : 1)));
    expect(names).toContain('start_job');
    const count = tools.find((tool) => tool.name === 'count_up');
    expect(count.inputSchema.properties.idempotency_key.type).toBe('string');
    expect(count.inputSchema.additionalProperties).toBe(false);
    expect(count.annotations).toEqual({
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: false,
    });
    expect(tools.find((tool) => tool.name === 'echo_text').inputSchema.properties.idempotency_key).toBeUndefined();
  });

  it('calls a tool in the request context of its caller', async () => {
    const result = await client.call('echo_text', { text: 'hello' });
    expect(result.structuredContent).toEqual({ text: 'hello', via: 'mcp', name: 'owner key' });
    expect(JSON.parse(result.content[0].text)).toEqual(result.structuredContent);
    expect(result.isError).toBeFalsy();
  });

  it('lists no writing tool to a viewer, and refuses one that is called', async () => {
    const mine = await connected(viewer.key);
    const tools = await mine.tools();
    expect(tools.length).toBeGreaterThan(3);
    expect(tools.filter((tool) => !tool.annotations.readOnlyHint).map((tool) => tool.name)).toEqual([]);
    const refused = await mine.call('count_up', { text: 'x' });
    expect([refused.isError, problemOf(refused).status]).toEqual([true, 403]);
    expect(refused.content[0].text).toContain('contacts:write');
  });

  it('answers wrong arguments with a pointer to each', async () => {
    const refused = await client.call('echo_nested', { inner: { text: 7, txt: 'x' } });
    expect(refused.isError).toBe(true);
    expect(
      problemOf(refused)
        .errors?.map((error) => error.pointer)
        .sort(),
    ).toEqual(['/inner/text', '/inner/txt']);
    expect(refused.content[0].text).toContain('Did you mean "text"?');
    const raw = await client.call('fail_badly', { depth: -1 });
    expect(problemOf(raw).errors).toEqual([{ pointer: '/depth', detail: 'depth must be >= 0.' }]);
  });

  it('refuses an unknown tool with -32602 and the nearest name', async () => {
    await expect(client.call('echo_txt')).rejects.toMatchObject({
      code: -32_602,
      message: expect.stringContaining('Did you mean "echo_text"?') as string,
    });
  });

  it('says no more of a bug than the request id', async () => {
    const failed = await client.call('fail_badly', { depth: 1 });
    const { status, instance } = problemOf(failed);
    expect([failed.isError, status]).toEqual([true, 500]);
    expect(instance).toMatch(/^[\w-]{36}$/);
    expect(failed.content[0].text).toContain(instance);
    expect(JSON.stringify(failed)).not.toContain('secret detail');
  });

  it('cuts a list at a row when its text would exceed 256 KiB, and goes on from there', async () => {
    const seen: number[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page = await client.call('list_rows', { limit: 100, size: 20_000, ...(cursor !== null && { cursor }) });
      expect(Buffer.byteLength(page.content[0].text)).toBeLessThanOrEqual(262_144);
      seen.push(...page.structuredContent.items.map((row: { number: number }) => row.number));
      cursor = page.structuredContent.next_cursor;
      pages++;
    } while (cursor !== null);
    expect(seen).toEqual(Array.from({ length: 60 }, (_, index) => index));
    expect(pages).toBe(5);
    const byDefault = await client.call('list_rows');
    expect(byDefault.structuredContent.items).toHaveLength(25);
    expect(problemOf(await client.call('list_rows', { limit: 101 })).errors?.[0]?.pointer).toBe('/limit');
  });

  it('runs the same idempotency_key once', async () => {
    const { runs } = app.app.nest.get(FixtureTools);
    const args = { text: 'x', idempotency_key: `key of ${client.generation}` };
    const results = await Promise.all(Array.from({ length: 20 }, () => client.call('count_up', args)));
    for (const result of results) {
      if (result.isError) expect(problemOf(result).type).toMatch(/request-under-way$/);
    }
    expect(app.app.nest.get(FixtureTools).runs).toBe(runs + 1);
    const replay = await client.call('count_up', args);
    expect(replay.structuredContent.text).toBe(`x ${runs + 1}`);
    expect(replay._meta['engawa/replayed']).toBe(true);
    const other = await client.call('count_up', { ...args, text: 'y' });
    expect(problemOf(other).status).toBe(422);
  });

  it('reports progress, at most ten times a second, with the last step before the result', async () => {
    const reports: number[] = [];
    const result = await client.call(
      'report_steps',
      { steps: 1_000 },
      { onprogress: (report) => reports.push(report.progress) },
    );
    expect(result.content).toEqual([{ type: 'text', text: 'stepped' }]);
    expect(reports[0]).toBe(1);
    expect(reports.at(-1)).toBe(1_000);
    expect(reports.length).toBeLessThanOrEqual(5);
  });

  it('cancels a call', async () => {
    const abort = new AbortController();
    const call = client.call(
      'wait_forever',
      { steps: 1 },
      { signal: abort.signal, onprogress: () => abort.abort('enough') },
    );
    await expect(call).rejects.toBeDefined();
    expect(await app.app.nest.get(FixtureTools).cancelled).toMatchObject({ slug: 'call-cancelled' });
  });

  it('reads resources by URI and by template, and knows no others', async () => {
    const guide = await client.read('engawa://guide');
    expect(guide.contents[0].mimeType).toBe('text/markdown');
    expect(guide.contents[0].text).toContain('`echo_text`');
    expect(guide.contents[0].text).toContain('`fixture`');
    const schema = JSON.parse((await client.read('engawa://schema')).contents[0].text);
    expect(schema.records.job.fields.status).toBeDefined();
    expect(schema.events.map((event: { type: string }) => event.type)).toContain('contact.created');
    const record = await client.read('test://record/1');
    expect(JSON.parse(record.contents[0].text)).toEqual({ id: '1', name: 'one' });
    for (const uri of ['test://record/2', 'test://nothing']) {
      await expect(client.read(uri)).rejects.toMatchObject({ code: -32_602 });
    }
    const { resourceTemplates } = await client.raw.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain('test://record/{id}');
    const { resources } = await client.raw.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(['engawa://guide', 'engawa://schema']);
  });

  it('lists and renders prompts', async () => {
    const { prompts } = await client.raw.listPrompts();
    expect(prompts[0]).toMatchObject({ name: 'greet_somebody', arguments: [{ name: 'text', required: true }] });
    const { messages } = await client.raw.getPrompt({ name: 'greet_somebody', arguments: { text: 'Ada' } });
    expect(messages).toEqual([{ role: 'user', content: { type: 'text', text: 'Greet Ada.' } }]);
    await expect(client.raw.getPrompt({ name: 'greet_somebody', arguments: {} })).rejects.toMatchObject({
      code: -32_602,
    });
  });

  it('starts a job and sees it, and another workspace sees none', async () => {
    const started = await client.call('start_job', { job_type: 'fixture', input: {} });
    const { job_id } = started.structuredContent;
    const seen = await client.call('get_job', { job_id });
    expect(seen.structuredContent).toMatchObject({ job_id, job_type: 'fixture', status: 'completed' });
    const stranger = await connected((await app.newWorkspace()).owner.key);
    const foreign = await stranger.call('get_job', { job_id });
    const unknown = await stranger.call('get_job', { job_id: crypto.randomUUID() });
    const bare = (result: { _meta?: Record<string, unknown> }) => ({ ...problemOf(result), instance: null });
    expect(bare(foreign)).toEqual(bare(unknown));
    expect(bare(foreign).status).toBe(404);
    const wrong = await client.call('start_job', { job_type: 'fixtur' });
    expect(wrong.content[0].text).toContain('Did you mean "fixture"?');
  });

  it('is refused on the next call after its key is revoked', async () => {
    const caller = await app.workspace.key('member');
    const mine = await connect(app.url, caller.key);
    expect((await mine.call('echo_text', { text: 'x' })).isError).toBeFalsy();
    await app.database.owner.query('update api_keys set revoked_at = now() where prefix = $1', [
      caller.key.slice(4, 12),
    ]);
    await expect(mine.call('echo_text', { text: 'x' })).rejects.toThrow();
    await mine.raw.close();
  });

  it('answers every listed fixture tool as its output schema says', async () => {
    const valid: Record<string, object> = { echo_text: { text: 'x' }, count_up: { text: 'x' }, list_rows: {} };
    const tools = await client.tools();
    for (const [name, args] of Object.entries(valid)) {
      const result = await client.call(name, { ...args });
      const { outputSchema } = tools.find((tool) => tool.name === name);
      expect([name, ajv.validate(outputSchema, result.structuredContent), ajv.errorsText()]).toEqual([
        name,
        true,
        'No errors',
      ]);
    }
  });
});
