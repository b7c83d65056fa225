/** The times of a worker, in milliseconds. */
export class WorkerSettings {
  /** How long a job belongs to a worker that gives no sign of life. */
  lease_ms = 30_000;
  /** How often all leases of the process are extended. */
  heartbeat_ms = 10_000;
  /** How often leases that ran out are looked for. */
  reap_ms = 5_000;
  /** How often an idle process looks for work without being woken (plus 0-20 %). */
  poll_ms = 1_000;
  /** Wait after the first failure; it doubles with each. */
  backoff_base_ms = 5_000;
  /** What handlers get to end by themselves when the process stops. */
  shutdown_ms = 8_000;
  /** How long claim, heartbeat and result may wait for the database. */
  statement_ms = 10_000;
}
