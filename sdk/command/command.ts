/**
 * What every program of ours is made of: commander's command, which tells of a typo in an option
 * even where the option is one that cannot be left out.
 */
import { Command } from 'commander';
import { nearest } from '../yaml/nearest.ts';

type ErrorOptions = Parameters<Command['error']>[1];

const missingOption = 'commander.missingMandatoryOptionValue';

/** Commander looks for missing options first: `--confg FILE` would only lack a `--config`. */
export class ProgramCommand extends Command {
  override createCommand(name?: string): Command {
    return new ProgramCommand(name);
  }

  override error(message: string, options?: ErrorOptions): never {
    const unknown = options?.code === missingOption ? this.#unknownOption() : undefined;
    if (unknown === undefined) return super.error(message, options);
    return super.error(unknown, { ...options, code: 'commander.unknownOption' });
  }

  /** Words that commander did not understand stand last in `args`. */
  #unknownOption(): string | undefined {
    const flag = this.args.find((word) => /^--?[a-z]/i.test(word));
    if (flag === undefined) return undefined;
    const options = [this as Command, ...ancestors(this)].flatMap(({ options }) => options);
    const meant = nearest(
      flag,
      options.flatMap(({ long }) => long ?? []),
    );
    const hint = meant === undefined ? '' : `\n(Did you mean ${meant}?)`;
    return `error: unknown option '${flag}'${hint}`;
  }
}

const ancestors = ({ parent }: Command): readonly Command[] =>
  parent === null ? [] : [parent, ...ancestors(parent)];
