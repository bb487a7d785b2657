import type { z } from 'zod';
import { maxTimerMs, type Kind } from '../kinds.js';

export interface SettingDef {
  /** Environment name without the CANARDSTACK_ prefix. */
  readonly env: string;
  readonly schema: z.ZodType;
  /** What is allowed, in words. */
  readonly allowed: string;
  /** `undefined`: not set; the feature is off, or the value is computed and `computed` says how. */
  readonly default: string | number | boolean | undefined;
  readonly help: string;
  readonly secret?: boolean;
  /** The default in words where it depends on the machine or on other settings. */
  readonly computed?: string;
}

interface Extra {
  readonly secret?: boolean;
  readonly computed?: string;
}

export function setting<S extends z.ZodType, D extends z.infer<S> | undefined>(
  env: string,
  kind: Kind<S>,
  fallback: D,
  help: string,
  extra: Extra = {},
) {
  return { env, schema: kind.schema, allowed: kind.allowed, default: fallback, help, ...extra };
}

export const secret = { secret: true } as const;
export const timerSecs = { max: Math.floor(maxTimerMs / 1000) } as const;
export const mebibyte = 1024 * 1024;
