import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { Role } from '../../contracts/permissions.js';
import { ApiKeysRepository } from '../../platform/auth/api-keys.repository.js';
import { beyond, isAbove } from '../../platform/auth/grants.js';
import { MemberRegistry, type MemberRow } from '../../platform/auth/member-registry.js';
import { StaffPublisher } from '../../platform/auth/staff-publisher.js';
import { WorkspaceRegistry } from '../../platform/auth/workspace-registry.js';
import { Context } from '../../platform/context/context.js';
import { SystemDatabase } from '../../platform/database/system-database.js';
import { Invalid, NotFound } from '../../platform/errors/contract-problems.js';
import { Events } from '../../platform/events/events.js';
import { parseEmail } from '../../platform/formats/email.js';
import type { ListRequest, Page } from '../../platform/http/listing.js';
import { Preconditions } from '../../platform/http/preconditions.js';
import type { AddMember, UpdateMember } from './dto/member.dto.js';
import { AboveCaller, LastOwner, MemberExists, MoreThanHeld } from './workspaces.errors.js';

/** Who belongs to the workspace, and as what. Every change holds the row of the workspace, so that owners are counted in turn. */
@Injectable()
export class MembersService {
  constructor(
    private readonly context: Context,
    private readonly system: SystemDatabase,
    private readonly registry: WorkspaceRegistry,
    private readonly members: MemberRegistry,
    private readonly keys: ApiKeysRepository,
    private readonly publisher: StaffPublisher,
    private readonly events: Events,
    private readonly preconditions: Preconditions,
  ) {}

  list(request: ListRequest): Promise<Page<MemberRow>> {
    return this.members.page(this.context.workspaceId(), request);
  }

  async get(userId: string): Promise<MemberRow> {
    return this.found(isUUID(userId) ? await this.members.find(this.context.workspaceId(), userId) : undefined);
  }

  /** Adds whoever is known by the e-mail, or a new person. @throws {Problem} 403, 409 member-exists, 422. */
  async add({ email, name, role }: AddMember): Promise<MemberRow> {
    const read = parseEmail(email);
    if (!read.ok) throw new Invalid([{ pointer: '/email', detail: read.detail }]);
    this.requireGrantable(role);
    return this.change(async (workspaceId) => {
      const userId = await this.members.personByEmail(read.value, name ?? read.value);
      if (!(await this.members.add(workspaceId, userId, role))) throw new MemberExists();
      const member = await this.get(userId);
      await this.publish('workspace.member_added', { subject_id: userId, data: member });
      return member;
    });
  }

  /** @throws {Problem} 403, 404 member-not-found, 409 last-owner, 412. */
  async update(userId: string, { role }: UpdateMember): Promise<MemberRow> {
    return this.change(async (workspaceId) => {
      const before = await this.get(userId);
      this.preconditions.check(before);
      if (role === undefined || role === before.role) return before;
      this.requireReach(before.role);
      this.requireGrantable(role);
      await this.members.setRole(workspaceId, userId, role);
      await this.requireOwner(workspaceId, before);
      const after = await this.get(userId);
      const changes = { role: { from: before.role, to: after.role } };
      await this.publish('workspace.member_role_changed', { subject_id: userId, data: after, changes });
      return after;
    });
  }

  /** Ends the membership and the keys that act for the person. @throws {Problem} 403, 404, 409 last-owner, 412. */
  async remove(userId: string): Promise<void> {
    await this.change(async (workspaceId) => {
      const member = await this.get(userId);
      this.preconditions.check(member);
      this.requireReach(member.role);
      await this.members.remove(workspaceId, userId);
      await this.requireOwner(workspaceId, member);
      const { principal, ...rest } = this.context.current();
      await this.system.inWorkspace(principal ?? this.context.principal(), rest, async () => {
        const revoked = await this.keys.revokeAllOf(userId);
        this.events.publish('workspace.member_removed', { subject_id: userId, data: member });
        for (const key of revoked) this.events.publish('api_key.revoked', { subject_id: key.id, data: key });
      });
    });
  }

  /** A staff transaction that holds the row of the workspace. */
  private change<T>(work: (workspaceId: string) => Promise<T>): Promise<T> {
    const workspaceId = this.context.workspaceId();
    return this.system.transaction(async () => {
      await this.registry.lock(workspaceId);
      return work(workspaceId);
    });
  }

  private publish(...event: Parameters<StaffPublisher['publish']>[1]): Promise<void> {
    return this.publisher.publish(this.context.principal(), event);
  }

  private async requireOwner(workspaceId: string, before: MemberRow): Promise<void> {
    if (before.role === 'owner' && (await this.members.countOwners(workspaceId)) === 0) throw new LastOwner();
  }

  private requireGrantable(role: Role): void {
    const lacking = beyond(this.context.principal(), role);
    if (lacking.length > 0) throw new MoreThanHeld(lacking);
  }

  private requireReach(role: Role): void {
    if (isAbove(this.context.principal(), role)) throw new AboveCaller(role);
  }

  private found(member: MemberRow | undefined): MemberRow {
    if (!member) throw new NotFound('member');
    return member;
  }
}
