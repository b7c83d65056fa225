/**
 * Looking a credential up costs a round trip, and it must happen for every request, since a revoked key has to stop at
 * once. So requests that arrive while a look-up is on its way share the next one: each is answered by a statement
 * that was sent after the request arrived, yet under load there is one statement for many requests.
 */
export class BatchedLookUp<Found> {
  private waiting = new Map<string, PromiseWithResolvers<Found | undefined>>();
  private isUnderWay = false;

  /** @param lookUp answers for many keys at once; a key without an entry is unknown. */
  constructor(private readonly lookUp: (keys: string[]) => Promise<ReadonlyMap<string, Found>>) {}

  find(key: string): Promise<Found | undefined> {
    const waiting = this.waiting.get(key);
    if (waiting) return waiting.promise;
    const answer = withResolvers<Found | undefined>();
    this.waiting.set(key, answer);
    if (!this.isUnderWay) {
      this.isUnderWay = true;
      queueMicrotask(() => void this.run());
    }
    return answer.promise;
  }

  private async run(): Promise<void> {
    while (this.waiting.size > 0) {
      const batch = this.waiting;
      this.waiting = new Map();
      try {
        const found = await this.lookUp([...batch.keys()]);
        for (const [key, answer] of batch) answer.resolve(found.get(key));
      } catch (error) {
        for (const answer of batch.values()) answer.reject(error);
      }
    }
    this.isUnderWay = false;
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((accept, refuse) => {
    resolve = accept;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
