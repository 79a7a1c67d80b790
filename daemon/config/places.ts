/**
 * Remembers where the entries of remotes and plugins stand in the file. What a plugin finds wrong
 * in its configuration is found much later, in another thread, which has no file to look into.
 */
import type { Parsed } from '../../sdk/yaml/index.ts';
import type { Written } from '../host/remote.ts';
import { isMapping, type Mapping } from './finding.ts';

/** A file as it was written. */
export interface Source {
  readonly file: string;
  readonly locate: Parsed<unknown>['locate'];
}

const placeIn = ({ file, locate }: Source, path: string, key?: string): string => {
  const { line, column } = locate(path, key);
  return `${file}:${line}:${column}`;
};

/** Of the entry `item` at `path`, with all that is written in its `config`. */
export const writtenOf = (source: Source, path: string, { config }: Mapping): Written => {
  const places: Record<string, string> = {
    '': placeIn(source, path),
    config: placeIn(source, path, 'config'),
  };
  const walk = (value: unknown, at: string): void => {
    if (Array.isArray(value)) {
      for (const [index, below] of value.entries()) {
        const inner = `${at}[${index}]`;
        places[inner] = placeIn(source, `${path}.${inner}`);
        walk(below, inner);
      }
    } else if (isMapping(value)) {
      for (const [key, below] of Object.entries(value)) {
        const inner = `${at}.${key}`;
        places[inner] = placeIn(source, `${path}.${at}`, key);
        walk(below, inner);
      }
    }
  };
  walk(config, 'config');
  return { entry: path, places };
};

/** Of an entry without a configuration of its own: `plugins[1], siteswap.yaml:8:5`. */
export const entryPlace = (source: Source, path: string): string =>
  `${path}, ${placeIn(source, path)}`;
