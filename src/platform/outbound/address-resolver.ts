import { lookup } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';

/** An address of a host. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Asks for all addresses of a name, the way the operating system knows them (hosts file and DNS, both families). */
@Injectable()
export class AddressResolver {
  /** @throws the resolver's error (`ENOTFOUND`, `EAI_AGAIN` ...) */
  resolve(hostname: string): Promise<ResolvedAddress[]> {
    return lookup(hostname, { all: true, order: 'verbatim' });
  }
}
