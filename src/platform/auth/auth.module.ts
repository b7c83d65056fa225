import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { CallerLimits } from './caller-limits.js';
import { KeyAuthenticator } from './key-authenticator.js';
import { NoTokens, TokenAuthenticator } from './token-authenticator.js';
import { WorkspaceSettings } from './workspace-settings.js';

@Global()
@Module({
  providers: [
    CallerLimits,
    KeyAuthenticator,
    WorkspaceSettings,
    { provide: TokenAuthenticator, useClass: NoTokens },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [CallerLimits, KeyAuthenticator, TokenAuthenticator, WorkspaceSettings],
})
export class AuthModule {}
