import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { issueKey } from '../../platform/auth/api-key.js';
import { ApiKeysRepository, PLAIN_OWNER_KEY } from '../../platform/auth/api-keys.repository.js';
import { isWholeOwner } from '../../platform/auth/grants.js';
import { MemberRegistry } from '../../platform/auth/member-registry.js';
import { StaffPublisher } from '../../platform/auth/staff-publisher.js';
import { WorkspaceRegistry } from '../../platform/auth/workspace-registry.js';
import { WorkspaceSettings } from '../../platform/auth/workspace-settings.js';
import { Context } from '../../platform/context/context.js';
import { SystemDatabase } from '../../platform/database/system-database.js';
import { Forbidden, Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { Events } from '../../platform/events/events.js';
import { Preconditions } from '../../platform/http/preconditions.js';
import { changesOf, merged } from './changes-of.js';
import type { CreatedWorkspace, CreateWorkspace, UpdateWorkspace, WorkspaceDto } from './dto/workspace.dto.js';
import { applySettings, shownSettings, shownWorkspace } from './read-settings.js';

/** The caller's workspace, and new ones. */
@Injectable()
export class WorkspacesService {
  constructor(
    private readonly context: Context,
    private readonly system: SystemDatabase,
    private readonly registry: WorkspaceRegistry,
    private readonly members: MemberRegistry,
    private readonly keys: ApiKeysRepository,
    private readonly publisher: StaffPublisher,
    private readonly events: Events,
    private readonly settings: WorkspaceSettings,
    private readonly preconditions: Preconditions,
  ) {}

  async get(): Promise<WorkspaceDto> {
    const row = await this.registry.find(this.context.workspaceId());
    if (!row) throw new NotFound('workspace');
    return shownWorkspace(row);
  }

  /** @throws {Problem} 409 slug-taken; 412; 422 with a pointer for each setting that is wrong. */
  async update({ settings: patch, name, slug }: UpdateWorkspace): Promise<WorkspaceDto> {
    const principal = this.context.principal();
    const id = principal.workspace_id;
    return this.system.transaction(async () => {
      const row = await this.registry.lock(id);
      if (!row) throw new NotFound('workspace');
      const before = shownWorkspace(row);
      this.preconditions.check(before);
      const applied = applySettings(row.settings, patch ?? {}, this.context.current().ip);
      if ('mistakes' in applied) throw new Invalid(applied.mistakes);
      const wanted = merged({ name: row.name, slug: row.slug }, { name, slug });
      const changes = {
        ...changesOf({ name: row.name, slug: row.slug }, wanted),
        ...prefixed('settings.', changesOf(before.settings, shownSettings(applied.settings))),
      };
      if (Object.keys(changes).length === 0) return before;
      const after = shownWorkspace(await this.registry.update({ id, ...wanted, settings: applied.settings }));
      await this.publisher.publish(principal, ['workspace.updated', { subject_id: id, data: after, changes }]);
      this.system.afterCommit(() => this.settings.forget(id));
      return after;
    });
  }

  /**
   * Makes a workspace with an owner key, shown this once; a person becomes its owner. For people who signed in to the
   * installation itself, and for owners: someone of a company's identity provider exists in that company's workspace only.
   * @throws {Problem} 403; 409 slug-taken.
   */
  async create({ name, slug }: CreateWorkspace): Promise<CreatedWorkspace> {
    const principal = this.context.principal();
    const isPerson = principal.type === 'user' && !principal.connection_id;
    if (!isPerson && !isWholeOwner(principal)) {
      throw new Forbidden('A new workspace is made by a person, or with the key of an owner.');
    }
    const owner = isPerson ? principal.user_id : null;
    const id = uuidv7();
    const key = issueKey();
    return this.system.transaction(async () => {
      const workspace = shownWorkspace(await this.registry.insert({ id, name, slug }));
      if (owner !== null) await this.members.add(id, owner, 'owner');
      const member = owner === null ? undefined : await this.members.find(id, owner);
      const { principal: _principal, ...rest } = this.context.current();
      await this.system.inWorkspace({ ...principal, workspace_id: id }, rest, async () => {
        const row = await this.keys.insert(key, { ...PLAIN_OWNER_KEY, user_id: owner });
        this.events.publish('workspace.created', { subject_id: id, data: workspace });
        if (member) this.events.publish('workspace.member_added', { subject_id: member.id, data: member });
        this.events.publish('api_key.created', { subject_id: row.id, data: row });
      });
      return Object.assign(workspace, { owner_key: key.text });
    });
  }
}

function prefixed<Value>(prefix: string, fields: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [`${prefix}${name}`, value]));
}
