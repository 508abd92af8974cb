import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** console.md: one page load is at most so many bytes of script, gzipped. */
const scriptBudget = 150 * 1024;

/**
 * Lays a .br and a .gz beside each text asset, prints what the script weighs, and fails the build above the budget.
 * Preloads the one font that every page uses, so that no text moves when it comes in.
 */
function ship(): Plugin {
  return {
    name: "waybill-ship",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle }) {
        const font = Object.keys(bundle ?? {}).find((name) => /plex-sans-latin-wght-normal.*\.woff2$/.test(name));
        if (font === undefined) throw new Error("The page's font is not in the bundle.");
        const attrs = { rel: "preload", as: "font", type: "font/woff2", crossorigin: "", href: `/${font}` };
        return [{ tag: "link", attrs, injectTo: "head" }];
      },
    },
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        let script = 0;
        for (const [fileName, file] of Object.entries(bundle)) {
          if (!/\.(js|css|html|svg)$/.test(fileName)) continue;
          const source = Buffer.from(file.type === "chunk" ? file.code : file.source);
          const gzip = gzipSync(source, { level: 9 });
          if (fileName.endsWith(".js")) script += gzip.length;
          // index.html is tiny and a static server asks for it by name: it stays plain.
          if (fileName.endsWith(".html")) continue;
          const brotli = brotliCompressSync(source, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
          this.emitFile({ type: "asset", fileName: `${fileName}.gz`, source: gzip });
          this.emitFile({ type: "asset", fileName: `${fileName}.br`, source: brotli });
        }
        const weight = `script: ${(script / 1024).toFixed(1)} KiB gzipped of ${scriptBudget / 1024} KiB allowed`;
        if (script > scriptBudget) throw new Error(`Too much ${weight}`);
        this.info(weight);
        process.stdout.write(`\n${weight}\n`);
      },
    },
  };
}

export default defineConfig({
  plugins: [react(), ship()],
  build: {
    target: "es2022",
    // The page is served with `default-src 'self'`: nothing inline, no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
