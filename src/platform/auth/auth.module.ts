import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { PrincipalCheck } from '../events/principal-check.js';
import { CallerCheck } from '../jobs/caller-check.js';
import { OutboundModule } from '../outbound/outbound.module.js';
import { SearchLanguages } from '../search/search-languages.js';
import { AccessGuard } from './access.guard.js';
import { AccessTokens } from './access-tokens.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { CallerLimits } from './caller-limits.js';
import { FirstSignIn } from './first-sign-in.js';
import { IssuerConnections } from './issuer-connections.js';
import { IssuerTokenChecks } from './issuer-token-checks.js';
import { JwtAuthenticator } from './jwt-authenticator.js';
import { KeyAuthenticator } from './key-authenticator.js';
import { KeySets } from './key-sets.js';
import { MemberRegistry } from './member-registry.js';
import { PrincipalLookUp } from './principal-look-up.js';
import { Sessions } from './sessions.js';
import { SigningKeys } from './signing-keys.js';
import { SsoConnectionsRepository } from './sso-connections.repository.js';
import { StaffPublisher } from './staff-publisher.js';
import { TokenAuthenticator } from './token-authenticator.js';
import { WorkspaceRegistry } from './workspace-registry.js';
import { WorkspaceSettings } from './workspace-settings.js';

@Global()
@Module({
  imports: [OutboundModule],
  providers: [
    AccessTokens,
    ApiKeysRepository,
    CallerLimits,
    FirstSignIn,
    IssuerConnections,
    IssuerTokenChecks,
    KeyAuthenticator,
    KeySets,
    MemberRegistry,
    PrincipalLookUp,
    Sessions,
    SigningKeys,
    SsoConnectionsRepository,
    StaffPublisher,
    WorkspaceRegistry,
    WorkspaceSettings,
    { provide: CallerCheck, useExisting: PrincipalLookUp },
    { provide: PrincipalCheck, useExisting: PrincipalLookUp },
    { provide: SearchLanguages, useExisting: WorkspaceSettings },
    { provide: TokenAuthenticator, useClass: JwtAuthenticator },
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [
    AccessTokens,
    ApiKeysRepository,
    CallerCheck,
    CallerLimits,
    IssuerTokenChecks,
    KeyAuthenticator,
    MemberRegistry,
    PrincipalCheck,
    PrincipalLookUp,
    SearchLanguages,
    Sessions,
    SsoConnectionsRepository,
    StaffPublisher,
    TokenAuthenticator,
    WorkspaceRegistry,
    WorkspaceSettings,
  ],
})
export class AuthModule {}
