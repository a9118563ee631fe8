import { defineConfig, type Plugin } from 'vite'

/** Leaves packages that are imported when they are first used, such as SDKs of providers, in `node_modules`. */
const lazyPackages: Plugin = {
  name: 'lazy-packages',
  enforce: 'pre',
  resolveDynamicImport: (specifier) =>
    typeof specifier === 'string' && /^[@\w]/.test(specifier) ? { id: specifier, external: true } : undefined,
}

/**
 * The gateway and the packages that every start loads, in a few files: loading a thousand takes most of the start. The
 * entry replaces the one of tsc, whose other modules stay for tools and tests. All files are two folders deep, as the modules
 * of `src` are, because some of these find files of the project by their own URL.
 */
export default defineConfig({
  publicDir: false,
  logLevel: 'warn',
  plugins: [lazyPackages],
  ssr: { noExternal: true },
  build: {
    ssr: true,
    target: 'node20.19',
    outDir: 'dist',
    emptyOutDir: false,
    sourcemap: true,
    // Readable stacks; a minified start is not measurably faster.
    minify: false,
    rolldownOptions: {
      input: { 'cli/cli': 'src/cli/cli.ts' },
      // Loaded with traces only, or not installed.
      external: [/^@opentelemetry\/(?!api)/, 'pg-native', 'node-libcurl'],
      output: { entryFileNames: '[name].js', chunkFileNames: 'bundle/[name].js', sourcemapExcludeSources: true },
    },
  },
})
