/**
 * How large a slice of a window's permits a process leases at a time. Large slices save writes; small ones keep permits
 * from lying idle in one process while another refuses. So a slice grows while it is used up quickly, and shrinks to a
 * quarter of what is left near the end of the budget.
 */

/** A slice of a bucket that shows no demand yet. For q <= 20 it is one permit, and the limit is exact. */
export function firstSlice(q: number): number {
  return Math.max(1, Math.floor(q / 20));
}

/** The next slice after one that was used up within a second. */
export function grownSlice(slice: number, q: number): number {
  return q <= 20 ? 1 : Math.min(slice * 2, Math.max(1, Math.floor(q / 5)));
}

/** How many permits to ask for. @param left what this process believes to be left in the window. */
export function permitsToAsk(slice: number, q: number, left: number): number {
  const fitting = Math.min(slice, Math.max(1, Math.floor(q / 5)));
  return left < 4 * fitting ? Math.max(1, Math.ceil(left / 4)) : fitting;
}

/**
 * Milliseconds before the known end of a window at which its permits stop being used: 800 ppm of clock drift over the
 * time since the lease (50 ms over a minute), and 2 ms for rounding.
 */
export function marginMs(endsInMs: number): number {
  return 2 + Math.ceil(endsInMs / 1250);
}
