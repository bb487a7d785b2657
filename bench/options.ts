import { basename } from 'node:path';
import { parseArgs } from 'node:util';

/** An option of a program: its value unless given, and what it is for. A flag has no value. */
export interface Option {
  readonly value?: string;
  readonly flag?: boolean;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** What stands for the value in the usage. */
  readonly of?: string;
  readonly text: string;
}

type Values<O extends Readonly<Record<string, Option>>> = {
  readonly [K in keyof O]: O[K] extends { flag: true }
    ? boolean
    : O[K] extends { multiple: true }
      ? readonly string[]
      : O[K] extends { value: string }
        ? string
        : string | undefined;
};

/**
 * The options of this process's command line. With `--help` prints what there is and ends the process; with one that is
 * not there says so and ends it with 2.
 */
export function options<const O extends Readonly<Record<string, Option>>>(
  command: string,
  purpose: string,
  known: O,
): Values<O> {
  try {
    const values: Record<string, unknown> = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        ...Object.fromEntries(
          Object.entries(known).map(([name, { flag, multiple = false }]) => [
            name,
            { type: flag ? ('boolean' as const) : ('string' as const), multiple },
          ]),
        ),
      },
    }).values;
    if (values['help'] === true) {
      console.log(usage(command, purpose, known));
      process.exit(0);
    }
    const given = Object.entries(known).map(([name, { flag, multiple, value }]) => {
      const unset = flag ? false : multiple ? [] : value;
      return [name, values[name] ?? unset];
    });
    return Object.fromEntries(given) as Values<O>;
  } catch (error) {
    console.error(
      `${basename(process.argv[1] ?? '')}: ${(error as Error).message.split('. ')[0]}; --help tells what there is`,
    );
    process.exit(2);
  }
}

function usage(command: string, purpose: string, known: Readonly<Record<string, Option>>): string {
  const lines = Object.entries(known).map(([name, { flag, of = 'N', value, multiple, text }]) => {
    const left = `  --${name}${flag ? '' : ` ${of}`}`;
    const notes = [
      ...(multiple ? ['may be given more than once'] : []),
      ...(value ? [`${value} if not given`] : []),
    ];
    return [left, `${text}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`] as const;
  });
  const width = Math.max(...lines.map(([left]) => left.length)) + 2;
  return [
    `${command} [-- OPTIONS]`,
    '',
    purpose,
    '',
    ...lines.map(([left, right]) => left.padEnd(width) + right),
  ].join('\n');
}
