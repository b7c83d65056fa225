import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { CallerLimits } from './caller-limits.js';
import { PrincipalCheck } from '../events/principal-check.js';
import { CallerCheck } from '../jobs/caller-check.js';
import { PrincipalLookUp } from './principal-look-up.js';
import { KeyAuthenticator } from './key-authenticator.js';
import { NoTokens, TokenAuthenticator } from './token-authenticator.js';
import { WorkspaceSettings } from './workspace-settings.js';

@Global()
@Module({
  providers: [
    CallerLimits,
    PrincipalLookUp,
    { provide: CallerCheck, useExisting: PrincipalLookUp },
    { provide: PrincipalCheck, useExisting: PrincipalLookUp },
    KeyAuthenticator,
    WorkspaceSettings,
    { provide: TokenAuthenticator, useClass: NoTokens },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [CallerCheck, CallerLimits, PrincipalCheck, KeyAuthenticator, TokenAuthenticator, WorkspaceSettings],
})
export class AuthModule {}
