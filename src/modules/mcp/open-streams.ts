import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Response } from 'express';
import type { Principal } from '../../platform/context/principal.js';
import { LiveSignals } from '../../platform/events/live-signals.js';
import { PrincipalCheck } from '../../platform/events/principal-check.js';
import { principalKey } from './principal-key.js';

interface Caller {
  readonly principal: Principal;
  /** Answers under way, with the time at which they began. */
  readonly answers: Map<Response, number>;
}

/** How often callers with a long answer are looked at again; together with one query well below two seconds. */
const CHECK_MS = 1_000;

/**
 * A request is authenticated when it begins, and a stream may then stay open for hours. So whoever holds one is looked at
 * again every second, and at once when rights have changed somewhere; an answer to a credential that ended is cut off.
 */
@Injectable()
export class OpenStreams implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('mcp');
  private readonly callers = new Map<string, Caller>();
  private timer: NodeJS.Timeout | undefined;
  private stopListening: (() => void) | undefined;
  private isChecking = false;

  constructor(
    private readonly check: PrincipalCheck,
    private readonly live: LiveSignals,
  ) {}

  /** Cuts this answer off when its caller is no longer allowed in. */
  watch(principal: Principal, response: Response): void {
    const key = credentialKey(principal);
    let caller = this.callers.get(key);
    if (!caller) this.callers.set(key, (caller = { principal, answers: new Map() }));
    const { answers } = caller;
    answers.set(response, Date.now());
    response.once('close', () => {
      answers.delete(response);
      if (answers.size === 0 && this.callers.get(key)?.answers === answers) this.callers.delete(key);
    });
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.look(CHECK_MS), CHECK_MS).unref();
    this.stopListening = this.live.on('access', () => this.look(0));
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.stopListening?.();
    for (const { answers } of this.callers.values()) cutOff(answers.keys());
  }

  private look(minAge_ms: number): void {
    if (this.isChecking || this.callers.size === 0) return;
    this.isChecking = true;
    this.checkAll(Date.now() - minAge_ms)
      .catch((error: unknown) => this.logger.warn(`open streams could not be checked: ${String(error)}`))
      .finally(() => (this.isChecking = false));
  }

  private async checkAll(begunBefore_ms: number): Promise<void> {
    for (const { principal, answers } of Array.from(this.callers.values())) {
      if (![...answers.values()].some((begun_ms) => begun_ms <= begunBefore_ms)) continue;
      const isOver = principal.expires_at_ms !== null && principal.expires_at_ms <= Date.now();
      if (isOver || !(await this.check.stillValid(principal))) cutOff(answers.keys());
    }
  }
}

/** Two sessions or tokens of one person end separately. */
function credentialKey(principal: Principal): string {
  const { session_id, connection_id, expires_at_ms, role } = principal;
  return `${principalKey(principal)} ${session_id ?? ''} ${connection_id ?? ''} ${expires_at_ms ?? ''} ${role}`;
}

function cutOff(answers: Iterable<Response>): void {
  for (const answer of Array.from(answers)) answer.destroy();
}
