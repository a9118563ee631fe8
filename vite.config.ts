import { defineConfig } from 'vite'

/** The call page with its service worker, and the admin page: `src/web` → `dist/web`, from where the gateway serves them. */
export default defineConfig({
  root: 'src/web',
  base: './',
  publicDir: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    // Vendors' SDKs: the page makes rooms of the provider `webrtc`, which needs none.
    rolldownOptions: {
      input: ['src/web/index.html', 'src/web/admin.html', 'src/web/worker.ts'],
      output: {
        // A worker is known by its URL, and its scope is the directory.
        entryFileNames: ({ name }) => (name === 'worker' ? 'worker.js' : 'assets/[name]-[hash].js'),
      },
      external: ['@volcengine/rtc', 'livekit-client', 'agora-rtc-sdk-ng', 'wukongimjssdk'],
    },
  },
})
