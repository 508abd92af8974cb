import type { CommandEntry } from "./command.ts";

/** Every command, by system and then by noun. Bodies are imported only when they run: `--help` stays quick. */
export const commandTree: readonly CommandEntry[] = [
  {
    name: "up",
    summary: "run store, manager, pull server and page in one process",
    load: () => import("./up.ts"),
  },
  {
    name: "demo",
    summary: "run everything with sample images that are pulled before your eyes",
    load: () => import("./demo.ts"),
  },
  {
    name: "store",
    summary: "the artifact store: packages of files, and an OCI registry",
    examples: [
      "waybill store serve --root /var/lib/registry",
      "waybill store put ./results acme/results:nightly",
      "waybill store ls acme/results --server http://127.0.0.1:8080",
      "waybill store gc --dry-run",
    ],
    children: [
      { name: "serve", summary: "run the store alone", load: () => import("./store-serve.ts") },
      { name: "put", summary: "put folders and files in, as one package", load: () => import("./store-put.ts") },
      { name: "get", summary: "get a package or an image out", load: () => import("./store-get.ts") },
      { name: "ls", summary: "list repositories, manifests or packages", load: () => import("./store-ls.ts") },
      {
        name: "show",
        summary: "what a manifest is, what it holds, and why it is kept",
        load: () => import("./store-show.ts"),
      },
      { name: "verify", summary: "read bytes and check their digests", load: () => import("./store-verify.ts") },
      {
        name: "audit",
        summary: "compare all that lies there with the catalog",
        load: () => import("./store-audit.ts"),
      },
      { name: "retain", summary: "how long something is kept", load: () => import("./store-retain.ts") },
      { name: "hold", summary: "forbid the deletion of a manifest", load: () => import("./store-hold.ts") },
      { name: "release", summary: "end a hold", load: () => import("./store-release.ts") },
      { name: "pin", summary: "keep a manifest that a machine runs", load: () => import("./store-pin.ts") },
      { name: "unpin", summary: "end a pin", load: () => import("./store-unpin.ts") },
      { name: "class", summary: "retention classes", load: () => import("./store-class.ts") },
      { name: "uploads", summary: "uploads that run, and how to end one", load: () => import("./store-uploads.ts") },
      {
        name: "export",
        summary: "write manifests as an OCI image layout",
        load: () => import("./store-export.ts"),
      },
      { name: "import", summary: "bring an OCI image layout in", load: () => import("./store-import.ts") },
      { name: "migrate", summary: "move the blobs to another place", load: () => import("./store-migrate.ts") },
      { name: "gc", summary: "give back the space of what nobody needs", load: () => import("./store-gc.ts") },
      {
        name: "simulate",
        summary: "what would go by a time, under rules as they might be",
        load: () => import("./store-simulate.ts"),
      },
      {
        name: "tag-policy",
        summary: "tag rules that the store applies by itself",
        examples: ['waybill store tag-policy put few "acme/*" --last 20', "waybill store tag-policy judge acme/app"],
        children: [
          { name: "list", summary: "all of them", load: () => import("./store-tag-policy-list.ts") },
          { name: "put", summary: "make or replace one", load: () => import("./store-tag-policy-put.ts") },
          { name: "remove", summary: "end one", load: () => import("./store-tag-policy-remove.ts") },
          {
            name: "judge",
            summary: "what they would do to a repository's tags now",
            load: () => import("./store-tag-policy-judge.ts"),
          },
        ],
      },
      {
        name: "webhook",
        summary: "who is told of events",
        examples: [
          'waybill store webhook add https://states.example/hooks/waybill --type "package.*"',
          "waybill store webhook list",
        ],
        children: [
          { name: "list", summary: "all of them, and how they fare", load: () => import("./store-webhook-list.ts") },
          { name: "show", summary: "one of them", load: () => import("./store-webhook-show.ts") },
          { name: "add", summary: "send events to an address", load: () => import("./store-webhook-add.ts") },
          { name: "remove", summary: "end one", load: () => import("./store-webhook-remove.ts") },
          {
            name: "dead-letters",
            summary: "events that were given up",
            load: () => import("./store-webhook-dead-letters.ts"),
          },
          {
            name: "redeliver",
            summary: "send an event that was given up once more",
            load: () => import("./store-webhook-redeliver.ts"),
          },
        ],
      },
    ],
  },
  {
    name: "pulltrace",
    summary: "the pull monitor: every image pull on every node, live",
    examples: [
      "waybill pulltrace server --http-addr 127.0.0.1:8080",
      "waybill pulltrace agent --node-name n1 --server-url http://127.0.0.1:8080",
    ],
    children: [
      { name: "server", summary: "run the pull server alone", load: () => import("./pulltrace-server.ts") },
      {
        name: "agent",
        summary: "report the pulls of this node's containerd",
        load: () => import("./pulltrace-agent.ts"),
      },
      { name: "record", summary: "keep what an agent sees in a file", load: () => import("./pulltrace-record.ts") },
      {
        name: "replay",
        summary: "send a recording to a server, marked as one",
        load: () => import("./pulltrace-replay.ts"),
      },
    ],
  },
  {
    name: "kubenova",
    summary: "the control plane: tenants, and who may do what",
    examples: ["waybill kubenova manager --http 127.0.0.1:8080", "waybill kubenova token create --role ops --ttl 8h"],
    children: [
      { name: "manager", summary: "run the manager alone", load: () => import("./kubenova-manager.ts") },
      {
        name: "token",
        summary: "tokens that the manager, the store and the pull server accept",
        examples: ["waybill kubenova token create --role ops --ttl 8h"],
        children: [{ name: "create", summary: "sign a token", load: () => import("./token-create.ts") }],
      },
    ],
  },
  {
    name: "doctor",
    summary: "what works on this machine, and what to do about the rest",
    load: () => import("./doctor.ts"),
  },
  { name: "version", summary: "which release this is", load: () => import("./version.ts") },
  {
    name: "completion",
    summary: "complete commands and options in your shell",
    load: () => import("./completion.ts"),
  },
  {
    name: "docs",
    summary: "pages of the documentation that are made from the program",
    examples: ["waybill docs settings > docs/settings.md"],
    children: [{ name: "settings", summary: "print docs/settings.md", load: () => import("./docs-settings.ts") }],
  },
];
