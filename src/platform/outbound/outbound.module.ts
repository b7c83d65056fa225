import { Module } from '@nestjs/common';
import { AddressResolver } from './address-resolver.js';
import { Outbound } from './outbound.js';

/** Needs `OutboundConfig` and `TransactionProbe` from global modules. */
@Module({ providers: [Outbound, AddressResolver], exports: [Outbound] })
export class OutboundModule {}
