import { basename } from 'node:path';
import { parseArgs } from 'node:util';

/** An option of a program: its value unless given, and what it is for. A flag has no value. */
export interface Option {
  /** Of an option that is a number, a number. */
  readonly value?: string | number;
  readonly flag?: boolean;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** What stands for the value in the usage. */
  readonly of?: string;
  /** What the value is, or each of those that commas divide. */
  readonly among?: readonly string[];
  readonly text: string;
}

type Values<O extends Readonly<Record<string, Option>>> = {
  readonly [K in keyof O]: O[K] extends { flag: true }
    ? boolean
    : O[K] extends { multiple: true }
      ? readonly string[]
      : O[K] extends { value: number }
        ? number
        : O[K] extends { value: string }
          ? string
          : string | undefined;
};

/**
 * The options of this process's command line. With `--help` prints what there is and ends the process; with one that is
 * not there, or has a value that is none, says so and ends it with 2.
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
    const given = Object.entries(known).map(([name, option]) => [name, valueOf(name, option, values[name])]);
    return Object.fromEntries(given) as Values<O>;
  } catch (error) {
    return misused((error as Error).message.split('. ')[0] ?? '');
  }
}

function valueOf(name: string, { flag, multiple, among, value }: Option, given: unknown): unknown {
  if (given === undefined) return flag ? false : multiple ? [] : value;
  if (typeof value === 'number') {
    if (!/^\d{1,15}$/.test(given as string))
      misused(`--${name}: a whole number, not ${JSON.stringify(given)}`);
    return Number(given);
  }
  if (among !== undefined) {
    const stranger = [given as string | string[]]
      .flat()
      .flatMap((one) => one.split(','))
      .find((one) => !among.includes(one));
    if (stranger !== undefined)
      misused(`--${name}: ${JSON.stringify(stranger)} is none of ${among.join(', ')}`);
  }
  return given;
}

/** Says what is wrong with the command line, and ends the process with 2. */
function misused(fault: string): never {
  console.error(`${basename(process.argv[1] ?? '')}: ${fault}; --help tells what there is`);
  process.exit(2);
}

function usage(command: string, purpose: string, known: Readonly<Record<string, Option>>): string {
  const lines = Object.entries(known).map(
    ([name, { flag, value, of = typeof value === 'string' ? 'TEXT' : 'N', multiple, among, text }]) => {
      const left = `  --${name}${flag ? '' : ` ${of}`}`;
      const notes = [
        ...(among ? [among.join(', ')] : []),
        ...(multiple ? ['may be given more than once'] : []),
        ...(value === undefined || value === '' ? [] : [`${value} if not given`]),
      ];
      return [left, `${text}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`] as const;
    },
  );
  const width = Math.max(8, ...lines.map(([left]) => left.length)) + 2;
  return [
    `${command} ${command.startsWith('npm ') ? '[-- OPTIONS]' : '[OPTIONS]'}`,
    '',
    purpose,
    '',
    ...[...lines, ['  --help', 'this text'] as const].map(([left, right]) => left.padEnd(width) + right),
  ].join('\n');
}
