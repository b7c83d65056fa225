import { Setting } from './setting.js';

/** What the operator opens to calls that tenants can aim. Everything not public is closed otherwise. */
export class OutboundConfig {
  @Setting({
    env: 'ENGAWA_OUTBOUND_ALLOW_CIDRS',
    kind: 'list',
    describe: 'Private networks that outbound calls may reach.',
  })
  allow_cidrs: string[] = [];

  @Setting({
    env: 'ENGAWA_OUTBOUND_ALLOW_HOSTS',
    kind: 'list',
    describe: 'Host names that outbound calls may reach whatever their address, also over http.',
  })
  allow_hosts: string[] = [];

  @Setting({ env: 'ENGAWA_OUTBOUND_ALLOW_HTTP', kind: 'boolean', describe: 'Allow http beside https for every host.' })
  allow_http = false;
}
