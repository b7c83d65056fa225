import { Injectable, Module, type Type } from '@nestjs/common';
import { ListArguments, McpCatalogue, NoArguments, Resource, Tool } from '../../../src/modules/mcp/index.js';
import { Context } from '../../../src/platform/context/context.js';
import type { Principal } from '../../../src/platform/context/principal.js';
import { TextField } from '../../../src/platform/http/fields.js';
import { permissionsOf } from '../../../src/contracts/permissions.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';

class Undecorated {
  text!: string;
}

class Row {
  @TextField({ description: 'A text.' })
  text!: string;
}

class Undescribed {
  @TextField({ description: '' })
  text!: string;
}

const good = {
  name: 'do_nothing',
  title: 'Nothing',
  description: 'Nothing.',
  input: NoArguments,
  permissions: ['contacts:read'],
} as const;

@Injectable()
class FaultyTools {
  @Tool({ ...good, name: 'get_contact' })
  taken(): void {}

  @Tool({ ...good, name: 'no_permission', permissions: [] })
  noPermission(): void {}

  @Tool({ ...good, name: 'no_description', description: '' })
  noDescription(): void {}

  @Tool({ ...good, name: 'no_input', input: Undecorated })
  noInput(): void {}

  @Tool({ ...good, name: 'no_output', output: Undecorated })
  noOutput(): void {}

  @Tool({ ...good, name: 'undescribed_field', input: Undescribed })
  undescribed(): void {}

  @Tool({ ...good, name: 'down__stream' })
  reserved(): void {}

  @Tool({ ...good, name: 'long_text', description: 'x'.repeat(601) })
  long(): void {}

  @Tool({ ...good, name: 'no_pages', output: Row, is_list: true })
  noPages(): void {}

  @Tool({ ...good, name: 'sound_list', input: ListArguments, output: Row, is_list: true })
  sound(): void {}

  @Resource({ uri: 'engawa://guide', name: 'other', title: 'Other', description: 'Other.', permissions: [] })
  guide(): string {
    return '';
  }
}

@Module({ providers: [FaultyTools] })
class Faulty {}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('fails the start, and lists every offer that cannot be served', async () => {
  const start = startTestApp({}, database, [Faulty as Type]);
  const faults = await start.then(
    () => '',
    (error: Error) => error.message,
  );
  for (const fault of [
    /tool get_contact is already offered by /,
    /noPermission \(tool no_permission\): it has no permission/,
    /noDescription .* it has no title or description/,
    /noInput .* its input has no schema/,
    /noOutput .* its output has no schema/,
    /undescribed .* input \/text has no description/,
    /reserved .* its name must be snake_case/,
    /long .* longer than 600/,
    /noPages .* must extend ListArguments/,
    /resource engawa:\/\/guide is already offered by /,
  ]) {
    expect(faults).toMatch(fault);
  }
  expect(faults).not.toContain('sound_list');
});

describe('inside the product', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp({}, database);
  });
  afterAll(() => app.close());

  const agent = (role: 'member' | 'viewer'): Principal => ({
    type: 'system',
    id: null,
    name: 'An agent',
    workspace_id: app.workspace.id,
    user_id: null,
    api_key_id: null,
    session_id: null,
    role,
    permissions: permissionsOf(role),
    rate_limit_per_minute: null,
    expires_at_ms: null,
  });

  it('finds and calls tools as whoever the context names', async () => {
    const catalogue = app.app.nest.get(McpCatalogue);
    const context = app.app.nest.get(Context);
    expect(catalogue.for(agent('viewer')).toolNames).not.toContain('create_contact');
    expect(catalogue.for(agent('member'))).toBe(catalogue.for(agent('member')));
    const created = await context.runAs(agent('member'), { via: 'workflow' }, () =>
      catalogue.call('create_contact', { first_name: 'Ada' }),
    );
    const { rows } = await app.database.owner.query(
      "select via, actor_name from events where type = 'contact.created'",
    );
    expect([created.isError ?? false, rows]).toEqual([false, [{ via: 'workflow', actor_name: 'An agent' }]]);
    const refused = await context.runAs(agent('viewer'), { via: 'workflow' }, () =>
      catalogue.call('create_contact', { first_name: 'Ada' }),
    );
    expect(refused.isError).toBe(true);
  });

  it('gives out lists that nobody can change', () => {
    const { tools } = app.app.nest.get(McpCatalogue).for(agent('viewer'));
    expect(() => Object.assign(tools[0]!, { name: 'other' })).toThrow(TypeError);
    expect(() => (tools as object[]).push({})).toThrow(TypeError);
  });
});
