import type { Principal } from '../../platform/context/principal.js';

/** Names a principal in one workspace: who shares it shares sessions and streams. */
export function principalKey({ workspace_id, type, id }: Principal): string {
  return `${workspace_id} ${type} ${id ?? ''}`;
}
