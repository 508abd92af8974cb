import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { backOff } from "./back-off.ts";
import { createKubernetes, type Kubernetes } from "./client.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { pathOf, pods, type ResourceKind } from "./resource.ts";
import { mayI, reviewToken } from "./reviews.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
type Answer = { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that answers as told, and a client of it. */
async function answering(answers: (seen: Seen) => Answer | undefined, token: () => string = () => "t1") {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      seen.push(one);
      const answer = answers(one);
      if (answer === undefined) return;
      response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
      response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  let held = token();
  const kubernetes = createKubernetes({
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials(o) {
      if (o?.fresh === true) held = token();
      return Promise.resolve({ token: held });
    },
  });
  closing.push(async () => {
    kubernetes.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { kubernetes, seen };
}

const failing = async (call: Promise<unknown>): Promise<KubernetesError> => {
  const error: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(KubernetesError);
  return error as KubernetesError;
};
const deployments: ResourceKind = { group: "apps", version: "v1", plural: "deployments", namespaced: true };
const object = { metadata: { name: "web", namespace: "a" } };

describe("a call", () => {
  it("goes to the path, query, content type and body of its verb", async () => {
    const { kubernetes, seen } = await answering(() => ({ status: 200, body: object }));
    const place = { namespace: "a", name: "web" };
    await kubernetes.get(pods, place);
    await kubernetes.create(deployments, { namespace: "a" }, object, { dryRun: true, fieldManager: "w" });
    await kubernetes.update(deployments, { ...place, subresource: "scale" }, object);
    await kubernetes.apply(deployments, place, object, { fieldManager: "waybill", force: true });
    await kubernetes.patch(deployments, place, { spec: {} });
    await kubernetes.patch(deployments, { ...place, subresource: "status" }, [{ op: "remove", path: "/x" }]);
    await kubernetes.delete(pods, place, { propagation: "Foreground", uid: "u1" });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /api/v1/namespaces/a/pods/web",
      "POST /apis/apps/v1/namespaces/a/deployments?fieldManager=w&dryRun=All",
      "PUT /apis/apps/v1/namespaces/a/deployments/web/scale",
      "PATCH /apis/apps/v1/namespaces/a/deployments/web?fieldManager=waybill&force=true",
      "PATCH /apis/apps/v1/namespaces/a/deployments/web",
      "PATCH /apis/apps/v1/namespaces/a/deployments/web/status",
      "DELETE /api/v1/namespaces/a/pods/web",
    ]);
    expect(seen.slice(3, 6).map(({ headers }) => headers["content-type"])).toEqual([
      "application/apply-patch+yaml",
      "application/merge-patch+json",
      "application/json-patch+json",
    ]);
    expect(JSON.parse(seen[6]!.body)).toMatchObject({
      propagationPolicy: "Foreground",
      preconditions: { uid: "u1" },
    });
    expect(seen.every(({ headers }) => headers.authorization === "Bearer t1")).toBe(true);
  });

  it("asks with a token that was read anew when the old one is refused, once", async () => {
    const tokens = ["old", "new"];
    const { kubernetes, seen } = await answering(
      ({ headers }) => ({ status: headers.authorization === "Bearer new" ? 200 : 401, body: object }),
      () => tokens.shift() ?? "new",
    );
    await kubernetes.get(pods, { namespace: "a", name: "web" });
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer old", "Bearer new"]);
  });

  it.each([
    [401, {}, "UNAUTHORIZED", /token or certificate is not accepted/],
    [404, { reason: "NotFound" }, "NOT_FOUND", /no such object/],
    [409, { reason: "AlreadyExists" }, "ALREADY_EXISTS", /Read the object/],
    [409, { reason: "Conflict" }, "CONFLICT", /Read the object anew/],
    [410, { reason: "Expired" }, "EXPIRED", /List anew/],
    [422, { reason: "Invalid" }, "INVALID", /refused again/],
    [500, { message: "failed to create typed patch object (x): field not declared" }, "INVALID", /refused again/],
    [500, { message: "failed calling webhook" }, "UNAVAILABLE", /try again later/],
    [503, {}, "UNAVAILABLE", /try again later/],
    [302, {}, "INVALID", /refused again/],
  ])("that is answered with %i %j fails with %s and advice", async (status, body, code, advice) => {
    const { kubernetes } = await answering(() => ({ status, body: { kind: "Status", ...body } }));
    const error = await failing(kubernetes.get(pods, { namespace: "a", name: "web" }));
    expect(error.code).toBe(code);
    expect(error.advice).toMatch(advice);
    expect(error.message).toMatch(/^get pods web in namespace a: /);
    expect(error.passing).toBe(code === "UNAVAILABLE");
  });

  it("that RBAC refuses says which rule is missing and for whom", async () => {
    const refused = [
      'pods is forbidden: User "system:serviceaccount:pulltrace:server" cannot watch resource "pods" in API group "" at the cluster scope',
      'events is forbidden: User "jane" cannot list resource "deployments/scale" in API group "apps" in the namespace "shop"',
    ];
    const { kubernetes } = await answering(() => ({ status: 403, body: { message: refused.shift() } }));
    expect((await failing(kubernetes.list(pods))).advice).toBe(
      'Grant it: a ClusterRole with the rule {apiGroups: [""], resources: ["pods"], verbs: ["watch"]}, ' +
        "bound to ServiceAccount server of namespace pulltrace by a ClusterRoleBinding.",
    );
    expect((await failing(kubernetes.list(pods))).advice).toBe(
      'Grant it: a Role in namespace shop with the rule {apiGroups: ["apps"], resources: ["deployments/scale"], ' +
        'verbs: ["list"]}, bound to user jane by a RoleBinding.',
    );
  });

  it("that conflicts says which field whose manager owns", async () => {
    const causes = [
      { reason: "FieldManagerConflict", message: 'conflict with "hand" using apps/v1', field: ".spec.replicas" },
    ];
    const { kubernetes } = await answering(() => ({ status: 409, body: { reason: "Conflict", details: { causes } } }));
    const error = await failing(
      kubernetes.apply(deployments, { namespace: "a", name: "web" }, object, { fieldManager: "w" }),
    );
    expect(error.causes).toEqual([{ ...causes[0], manager: "hand" }]);
  });

  it("that is throttled says how long to wait, within reason", async () => {
    const { kubernetes } = await answering(() => ({ status: 429, headers: { "retry-after": "999999" } }));
    expect(await failing(kubernetes.list(pods))).toMatchObject({ code: "THROTTLED", retryAfterMs: 120_000 });
  });

  it("that gets no answer, a page, or nobody fails in words", async () => {
    const { kubernetes } = await answering(({ url }) =>
      url === "/slow" ? undefined : { status: 200, body: "<html>" },
    );
    expect(await failing(kubernetes.read("/version"))).toMatchObject({ code: "BAD_ANSWER" });
    const nobody = createKubernetes({ server: "https://127.0.0.1:9", credentials: () => Promise.resolve({}) });
    const error = await failing(nobody.read("/version"));
    expect(error).toMatchObject({ code: "UNREACHABLE", passing: true });
    expect(error.message).toMatch(/^get \/version: https:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/);
    const stop = new AbortController();
    const slow = kubernetes.read("/slow", stop.signal);
    stop.abort(new Error("enough"));
    await expect(slow).rejects.toThrow("enough");
  });

  it("never leaves its path", () => {
    for (const name of ["", ".", "..", "a/b", "a%2fb", "a\0b"]) expect(() => pathOf(pods, { name })).toThrow(TypeError);
    expect(pathOf(pods, { namespace: "a", name: "système:node?x" })).toBe(
      "/api/v1/namespaces/a/pods/syst%C3%A8me%3Anode%3Fx",
    );
  });
});

describe("reviews", () => {
  const review = (kubernetes: Kubernetes) => reviewToken(kubernetes, "secret", { audiences: ["pulltrace"] });
  it("tell whose token it is, for our audience only", async () => {
    const user = { username: "system:serviceaccount:a:b", uid: "1", groups: ["g"], extra: { "a/node": ["n"] } };
    const answers = [
      { authenticated: true, user, audiences: ["pulltrace"] },
      { authenticated: true, user, audiences: ["other"] },
      { authenticated: true, user },
      { authenticated: false },
    ];
    const { kubernetes, seen } = await answering(() => ({ status: 201, body: { status: answers.shift() } }));
    expect(await review(kubernetes)).toEqual(user);
    expect(await review(kubernetes)).toBeUndefined();
    expect(await review(kubernetes)).toBeUndefined();
    expect(await review(kubernetes)).toBeUndefined();
    expect(JSON.parse(seen[0]!.body)).toMatchObject({ spec: { token: "secret", audiences: ["pulltrace"] } });
  });

  it("tell whether we may", async () => {
    const { kubernetes, seen } = await answering(() => ({ status: 201, body: { status: { allowed: true } } }));
    expect(await mayI(kubernetes, { verb: "watch", resource: "pods" })).toBe(true);
    expect(JSON.parse(seen[0]!.body)).toMatchObject({
      spec: { resourceAttributes: { verb: "watch", resource: "pods" } },
    });
  });
});

describe("backOff", () => {
  it("doubles to its limit, by chance between half and all, and waits at least what was asked", () => {
    const limits = { firstMs: 100, mostMs: 1_000 };
    expect([1, 2, 3, 4, 5, 99].map((failures) => backOff(failures, limits, 1))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(backOff(3, limits, 0)).toBe(200);
    expect(backOff(1, limits, 0, 5_000)).toBeGreaterThanOrEqual(5_000);
  });
});
