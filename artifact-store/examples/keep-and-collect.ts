import { openStore, parseRepositoryName } from "@waybill/artifact-store";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

// Half a year of nightly builds: how long they live, why one of them stays, and what would go when. No server, no HTTP.
const day = 24 * 60 * 60 * 1000;
let now = Date.UTC(2027, 0, 1);
const store = await openStore({ root: process.argv[2] ?? "./store", limits: { collectEveryMs: 0 }, now: () => now });
const repository = parseRepositoryName("acme/nightly");
await store.retention.defineClass({
  name: "nightly",
  lifetimeMs: 30 * day,
  longestMs: 365 * day,
  untaggedMs: null,
  locked: false,
});

async function build(number: number): Promise<void> {
  const { id } = await store.packages.open({
    repository,
    producer: "ci",
    kind: "build",
    runId: String(number),
    class: "nightly",
    labels: { outcome: number === 2 ? "failed" : "passed" },
  });
  await store.packages.addFile(id, "log.txt", { chunks: new Blob([`build ${number}\n`]).stream() });
  await store.packages.seal(id);
}
for (const number of [1, 2, 3]) await build(number);

// Somebody needs the one that failed.
const [failed] = (await store.packages.find({ labels: { outcome: "failed" }, limit: 1 })).items;
if (failed?.digest === undefined) throw new Error("it was sealed");
await store.retention.hold(repository, failed.digest, { name: "case-7", holder: "ann", why: "we look into it" });

const wouldGo = await store.collection.simulate({ at: now + 60 * day });
say(`in 60 days ${wouldGo.steps.filter(({ kind }) => kind === "delete-manifest").length} builds would be gone`);

now += 60 * day;
say((await store.retention.eligibility(repository, failed.digest)).sentence);
// A plan can be saved as JSON, shown to people, and applied: refused when the world has moved on.
const saved = await store.collection.savePlan();
const done = await store.collection.applyPlan(JSON.parse(JSON.stringify(saved)));
say(`${done.steps.length} of ${saved.plan.steps.length} steps done`);
say(
  (await store.packages.find({ kind: "build", limit: 10 })).items
    .map(({ runId, state }) => `${runId} ${state}`)
    .join(", "),
);
await store.close();
