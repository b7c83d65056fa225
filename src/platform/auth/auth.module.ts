import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { KeyAuthenticator } from './key-authenticator.js';
import { NoTokens, TokenAuthenticator } from './token-authenticator.js';

@Global()
@Module({
  providers: [
    KeyAuthenticator,
    { provide: TokenAuthenticator, useClass: NoTokens },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [KeyAuthenticator, TokenAuthenticator],
})
export class AuthModule {}
