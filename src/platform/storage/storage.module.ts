import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { DatabaseConfig } from '../../../config/app-config.js';
import { LocalStorage } from './local-storage.js';
import { Storage } from './storage.js';

/** Files on the local disk, below the data directory. */
@Global()
@Module({
  providers: [
    {
      provide: Storage,
      useFactory: (config: DatabaseConfig) => new LocalStorage(join(config.data_dir, 'files')),
      inject: [DatabaseConfig],
    },
  ],
  exports: [Storage],
})
export class StorageModule {}
