import { Injectable } from '@nestjs/common';
import { TooManyUnderWay } from './limits.errors.js';

const PER_WORKSPACE = { at_once: 200, queue: 100 };
const PER_PRINCIPAL = { at_once: 50, queue: 25 };

/** Who may have to wait. */
export interface Waiting {
  readonly signal?: AbortSignal;
}

/** Ends a stay; calling it again does nothing. */
export type Release = () => void;

/**
 * A rate limit bounds how often somebody asks, not how long the answers take: a few callers with slow requests could hold
 * every connection of the process. So each workspace and each principal has a bounded number of requests under way, a
 * short queue in order of arrival, and beyond that a refusal.
 */
@Injectable()
export class UnderWay {
  private readonly workspaces = new Turnstile('workspace', PER_WORKSPACE);
  private readonly principals = new Turnstile('principal', PER_PRINCIPAL);

  /**
   * Enters a request; at once while there is room.
   * @param request its signal, asked for only when it has to wait, fires when the caller went away: a waiting request then
   *   leaves the queue, refused for nobody to read.
   * @throws {TooManyUnderWay} when the queue is full too, also as a rejection.
   */
  enter(workspaceId: string, principalId: string, request?: Waiting): Release | Promise<Release> {
    const ofPrincipal = this.principals.enter(principalId, request);
    if (typeof ofPrincipal !== 'function')
      return ofPrincipal.then((release) => this.enterBehind(workspaceId, release, request));
    return this.enterBehind(workspaceId, ofPrincipal, request);
  }

  private enterBehind(workspaceId: string, ofPrincipal: Release, request?: Waiting): Release | Promise<Release> {
    try {
      const ofWorkspace = this.workspaces.enter(workspaceId, request);
      if (typeof ofWorkspace === 'function') return both(ofWorkspace, ofPrincipal);
      return ofWorkspace.then(
        (release) => both(release, ofPrincipal),
        (error: unknown) => {
          ofPrincipal();
          throw error;
        },
      );
    } catch (error) {
      ofPrincipal();
      throw error;
    }
  }
}

function both(first: Release, second: Release): Release {
  return () => {
    first();
    second();
  };
}

interface Place {
  under_way: number;
  /** In order of arrival. */
  readonly waiting: Set<() => void>;
}

/** Lets a bounded number in per key, the next one when one leaves. */
class Turnstile {
  private readonly places = new Map<string, Place>();

  constructor(
    private readonly scope: 'workspace' | 'principal',
    private readonly bounds: { readonly at_once: number; readonly queue: number },
  ) {}

  enter(key: string, request?: Waiting): Release | Promise<Release> {
    let place = this.places.get(key);
    if (!place) this.places.set(key, (place = { under_way: 0, waiting: new Set() }));
    if (place.under_way < this.bounds.at_once) {
      place.under_way++;
      return this.releaseOf(key, place);
    }
    if (place.waiting.size >= this.bounds.queue) throw new TooManyUnderWay(this.scope, this.bounds.at_once);
    return this.wait(key, place, request?.signal);
  }

  private wait(key: string, place: Place, signal?: AbortSignal): Promise<Release> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        place.waiting.delete(turn);
        reject(new TooManyUnderWay(this.scope, this.bounds.at_once));
      };
      const turn = () => {
        signal?.removeEventListener('abort', leave);
        resolve(this.releaseOf(key, place));
      };
      if (signal?.aborted) return leave();
      signal?.addEventListener('abort', leave, { once: true });
      place.waiting.add(turn);
    });
  }

  private releaseOf(key: string, place: Place): Release {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      for (const turn of place.waiting) {
        // The place passes on: under_way stays.
        place.waiting.delete(turn);
        turn();
        return;
      }
      if (--place.under_way === 0) this.places.delete(key);
    };
  }
}
