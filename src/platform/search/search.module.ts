import { Global, Module } from '@nestjs/common';
import { Search } from './search.js';

/** The search index for every room with a `q`. Needs `SearchLanguages` from a global module. */
@Global()
@Module({ providers: [Search], exports: [Search] })
export class SearchModule {}
