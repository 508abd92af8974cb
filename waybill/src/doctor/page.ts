import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "./finding.ts";

export async function pageFinding(folder: string): Promise<Finding> {
  const built = await access(join(folder, "index.html")).then(
    () => true,
    () => false,
  );
  return built
    ? { name: "page", status: "ok", detail: "built" }
    : { name: "page", status: "warning", detail: "not built; only the API will answer", advice: "Run `make setup`." };
}
