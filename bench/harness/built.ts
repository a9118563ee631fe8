import { pathToFileURL } from 'node:url'

/** The project's folder: every command runs there. */
export const ROOT = pathToFileURL(`${process.cwd()}/`)

/**
 * A module of the gateway as `npm start` runs it, in place of one that was compiled along with the benchmark.
 *
 * @param name - of its file in `src`, without the extension
 */
export const built = async <M>(name: string): Promise<M> => (await import(new URL(`dist/${name}.js`, ROOT).href)) as M
