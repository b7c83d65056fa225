import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { SystemDatabase } from '../database/system-database.js';
import type { Policy, Standing } from './policy.js';

/** What a process got of a window. */
export interface Lease {
  /** Permits of this lease; fewer than asked when the window is used up. */
  readonly permits: number;
  /** All that is granted in the window, to all processes. */
  readonly granted: number;
  /** Milliseconds to the window's end, rounded down, as of some moment after the lease was asked for. */
  readonly ends_in_ms: number;
  readonly window_no: number;
}

/** Permits that were not used. */
export interface Unused {
  readonly bucket: string;
  readonly window_no: number;
  readonly permits: number;
}

/** Who counts. Replaced in tests by one that delays, loses and crashes. */
export abstract class LeaseStore {
  /** One atomic statement; its effect is durable when it answers. */
  abstract lease(bucket: string, q: number, w: number, want: number): Promise<Lease>;
  abstract giveBack(unused: readonly Unused[]): Promise<void>;
  abstract standing(policies: readonly Policy[]): Promise<Standing[]>;
  /** Forgets windows that are long over. */
  abstract deleteOld(): Promise<void>;
  /** True for one caller an hour and bucket, in all processes together. */
  abstract noticeExceeded(bucket: string): Promise<boolean>;
}

/** The name of a bucket outside the process: 16 bytes of SHA-256, so that no address or e-mail is kept in the clear. */
export function bucketName({ name, w, subject }: Pick<Policy, 'name' | 'w' | 'subject'>): string {
  return createHash('sha256').update(`${name}\n${w}\n${subject}`).digest().subarray(0, 16).toString('base64url');
}

/** The counters in PostgreSQL. */
@Injectable()
export class SqlLeaseStore extends LeaseStore {
  /** A lease must commit by itself, at once: never inside the transaction of whoever happens to ask. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(private readonly database: SystemDatabase) {
    super();
  }

  async lease(bucket: string, q: number, w: number, want: number): Promise<Lease> {
    const [lease] = await this.outside(() =>
      this.database.query<Lease & Record<string, number>>(
        'select permits, granted, ends_in_ms, window_no from app.lease_permits($1, $2, $3, $4)',
        [bucket, q, w, want],
      ),
    );
    if (!lease) throw new Error('app.lease_permits answers one row');
    return lease;
  }

  async giveBack(unused: readonly Unused[]): Promise<void> {
    await this.outside(() =>
      this.database.query('select app.return_permits($1::text[], $2::bigint[], $3::integer[])', [
        unused.map(({ bucket }) => bucket),
        unused.map(({ window_no }) => window_no),
        unused.map(({ permits }) => permits),
      ]),
    );
  }

  async standing(policies: readonly Policy[]): Promise<Standing[]> {
    const rows = await this.database.query<{ granted: number; ends_in_s: number }>(
      `select coalesce(r.granted, 0) as granted,
              ceil((p.length_ms - p.position_ms % p.length_ms) / 1000.0)::integer as ends_in_s
       from unnest($1::text[], $2::integer[]) with ordinality as b (bucket, w, place)
       cross join lateral (select app.rate_position_ms(b.bucket, b.w) as position_ms, b.w * 1000::bigint as length_ms offset 0) p
       left join rate_windows r on r.bucket = b.bucket and r.window_no = p.position_ms / p.length_ms
       order by b.place`,
      [policies.map(bucketName), policies.map(({ w }) => w)],
    );
    return rows.map((row, i) => {
      const { name, q, w } = policies[i] as Policy;
      return { policy: name, q, w, ...row };
    });
  }

  async deleteOld(): Promise<void> {
    await this.database.execute("delete from rate_windows where ends_at < clock_timestamp() - interval '2 minutes'");
    await this.database.execute("delete from limit_notices where noticed_at < clock_timestamp() - interval '1 day'");
  }

  async noticeExceeded(bucket: string): Promise<boolean> {
    const touched = await this.database.execute(
      `insert into limit_notices as n (bucket, noticed_at) values ($1, clock_timestamp())
       on conflict on constraint limit_notices_pkey do update set noticed_at = excluded.noticed_at
         where n.noticed_at <= excluded.noticed_at - interval '1 hour'`,
      [bucket],
    );
    return touched === 1;
  }
}
