/**
 * Which way arrows point: foundation <- a system <- waybill. A system never imports another, the console imports
 * contracts only, and nobody imports past a folder's face (its index.ts).
 * @type {import('dependency-cruiser').IConfiguration}
 */
module.exports = {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      comment: "A circle means that two files are one idea, or that an interface is missing.",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "foundation-knows-no-system",
      severity: "error",
      from: { path: "^foundation/" },
      to: { path: "^(artifact-store|kubenova|pulltrace|console|waybill|bench|tests)/" },
    },
    {
      name: "systems-do-not-meet",
      severity: "error",
      comment: "Declare the small interface you want; waybill hands it in.",
      from: { path: "^(artifact-store|kubenova|pulltrace)/" },
      to: { path: "^(artifact-store|kubenova|pulltrace|console|waybill|bench|tests)/", pathNot: "^$1/" },
    },
    {
      name: "console-imports-contracts-only",
      severity: "error",
      from: { path: "^console/" },
      to: {
        path: "^(foundation|artifact-store|kubenova|pulltrace|waybill|bench|tests)/",
        pathNot: "/src/contract/index\\.ts$",
      },
    },
    {
      name: "nobody-imports-waybill-but-tests",
      severity: "error",
      from: { pathNot: "^(waybill|deploy|tests|bench|docs)/" },
      to: { path: "^waybill/" },
    },
    {
      name: "not-past-a-face-of-another-room",
      severity: "error",
      comment: "Another room is entered by a folder's index.ts (or the room's own), nothing deeper.",
      from: { path: "^([^/]+)/" },
      to: {
        path: "^(foundation|artifact-store|kubenova|pulltrace|console|waybill)/src/",
        pathNot: ["^$1/", "^[^/]+/src/index\\.ts$", "^[^/]+/src/[^/]+/index\\.ts$"],
      },
    },
    {
      name: "not-past-a-face-inside-a-room",
      severity: "error",
      comment: "A sibling folder is entered by its index.ts.",
      from: { path: "^([^/]+)/src/([^/]+)/" },
      to: {
        path: "^$1/src/[^/]+/.+",
        pathNot: ["^$1/src/$2/", "^$1/src/[^/]+/index\\.ts$", "\\.suite\\.ts$", "/generated/"],
      },
    },
    {
      name: "test-parts-stay-in-tests",
      severity: "error",
      from: { path: "^[^/]+/src/", pathNot: ["\\.(test|suite)\\.tsx?$", "/testing/", "^(tests|bench)/"] },
      to: { path: "(/src/testing/|\\.(test|suite)\\.tsx?$|^tests/)" },
    },
    {
      name: "declared-dependencies-only",
      severity: "error",
      from: { pathNot: "\\.(test|suite|config)\\.tsx?$" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true, pathNot: "^(virtual:|node:)" } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|node_modules|generated)/" },
    parser: "tsc",
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
      extensions: [".ts", ".tsx", ".js", ".cjs", ".mjs", ".json"],
    },
  },
};
