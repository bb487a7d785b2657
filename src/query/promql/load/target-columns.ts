import { resourceColumns } from './identity.js';

/** What `target_info` is made of. */
export const targetColumns = [...resourceColumns, 'resource_attributes'];
