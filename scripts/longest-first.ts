import { relative, resolve } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const root = resolve(import.meta.dirname, "..");

/** Files that take a minute or more, the longest first. By default the largest file is first, and some of these are small. */
const longest: readonly string[] = [
  "tests/cluster/src/pulltrace.cluster.test.ts",
  "console/src/page.real.test.ts",
  "artifact-store/src/http/kill.real.test.ts",
  "tests/src/store-commands.test.ts",
  "tests/cluster/src/pulltrace-kubelet.cluster.test.ts",
  "artifact-store/src/store/collection-load.real.test.ts",
  "tests/src/store-bucket.test.ts",
  "tests/src/pull-scenarios-store.test.ts",
  "tests/src/pull-scenarios-docker-registry.test.ts",
  "tests/src/store-kill.test.ts",
  "tests/cluster/src/kubernetes-client.cluster.test.ts",
  "pulltrace/src/agent/agent.real.test.ts",
];

/** The order in which test files begin: none of those that take long is left for the end, where one worker runs it and the others idle. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = longest.indexOf(relative(root, moduleId));
      return place === -1 ? longest.length : place;
    };
    // One project after the other, as they were.
    return projects.flatMap((name) =>
      sorted.filter(({ project }) => project.name === name).toSorted((one, other) => placeOf(one) - placeOf(other)),
    );
  }
}
