import type { z } from 'zod';
import type { TelemetrySource } from './source.js';

export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  /** The answer as text, within the bound of `AnswerText`. Throws errors whose message is for the client. */
  readonly run: (source: TelemetrySource, input: z.output<Input>, signal: AbortSignal) => Promise<string>;
}

export function tool<Input extends z.ZodObject>(definition: Tool<Input>): Tool {
  return definition;
}
