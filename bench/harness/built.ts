import { pathToFileURL } from 'node:url'

/** The project's directory, in which every command runs. */
export const ROOT = pathToFileURL(`${process.cwd()}/`)

/**
 * Imports a module of the built gateway, as run by `npm start`, instead of one compiled with the benchmark.
 *
 * @param name - its path in `src`, without the extension
 * @param root - the directory of the gateway. @default this one's
 */
export const built = async <M>(name: string, root = ROOT): Promise<M> =>
  (await import(new URL(`dist/${name}.js`, root).href)) as M
