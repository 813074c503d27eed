import { defineConfig } from 'vite';

// The gate serves `/` and `/assets/*` under a Content-Security-Policy without inline script or style:
// nothing may be inlined, and what is not hashed into /assets would not be served.
export default defineConfig({
  base: '/',
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // light-dark() and container units are used as they are.
    target: ['chrome125', 'firefox128', 'safari17.5'],
    cssTarget: ['chrome125', 'firefox128', 'safari17.5'],
  },
  worker: { format: 'es' },
});
