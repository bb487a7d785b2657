import type { CatalogConfig } from '../catalog/index.js';
import type { Config } from '../config/settings.js';
import type { InstanceConfig } from './instance.js';
import type { OwnershipConfig } from './ownership.js';

/** The settings that the lake reads. */
export type LakeConfig = Pick<
  Config,
  'duckdbExtensionDir' | 'queryMaxRows' | 'checkpointIntervalSecs' | 'retentionDays' | 'snapshotRetentionSecs'
> &
  Partial<Pick<Config, 'retentionMaxSharePercent' | 'clockToleranceSecs' | 'scrubBytesPerDay'>> &
  CatalogConfig &
  InstanceConfig &
  Partial<
    Pick<
      Config,
      | 'catalogWaitSecs'
      | 'queryMemoryLimitBytes'
      | 'metadataCacheEntries'
      | 'sampleCacheBytes'
      | 'attributeColumns'
      | 'attributeColumnsMax'
      | 'tokenIndex'
    >
  > &
  OwnershipConfig;
