import { afterAll, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { errorOf, openDoor } from "../testing/index.ts";

const door = await openDoor();
const { call, imageOf } = door;
afterAll(() => door.close());

describe("manifests and tags (Pushing Manifests, Listing Tags, Listing Referrers, Content Management)", () => {
  it("keeps the very bytes, by tag and by digest, and gives 304 to whoever has them", async () => {
    const { content, digest } = await imageOf("acme/man1");
    const put = await call("PUT", "/v2/acme/man1/manifests/v1", {
      headers: { "content-type": mediaTypes.ociImage },
      body: content,
    });
    expect(put.status).toBe(201);
    expect(put.headers.get("docker-content-digest")).toBe(digest);
    expect(put.headers.get("location")).toBe(`/v2/acme/man1/manifests/${digest}`);
    for (const reference of ["v1", digest]) {
      const got = await call("GET", `/v2/acme/man1/manifests/${reference}`);
      expect(got.headers.get("content-type")).toBe(mediaTypes.ociImage);
      expect(Buffer.from(await got.arrayBuffer()).equals(content)).toBe(true);
      const head = await call("HEAD", `/v2/acme/man1/manifests/${reference}`);
      expect(head.headers.get("content-length")).toBe(String(content.length));
      expect(head.headers.get("docker-content-digest")).toBe(digest);
      const known = await call("GET", `/v2/acme/man1/manifests/${reference}`, {
        headers: { "if-none-match": `"${digest}"` },
      });
      expect(known.status).toBe(304);
    }
  });

  it("by digest it checks the digest, and takes tags from the query", async () => {
    const { content, digest } = await imageOf("acme/man2");
    const wrong = digestOf(Buffer.from("other"));
    const headers = { "content-type": mediaTypes.ociImage };
    expect(await errorOf(await call("PUT", `/v2/acme/man2/manifests/${wrong}`, { headers, body: content }))).toBe(
      "400 DIGEST_INVALID",
    );
    const put = await call("PUT", `/v2/acme/man2/manifests/${digest}?tag=a&tag=b`, { headers, body: content });
    expect(put.headers.get("oci-tag")).toBe("a, b");
    expect((await call("HEAD", "/v2/acme/man2/manifests/b")).status).toBe(200);
  });

  it("lists tags by pages whose links lead through all of them", async () => {
    const { content, digest } = await imageOf("acme/man3");
    const query = Array.from({ length: 7 }, (_, index) => `tag=t${index}`).join("&");
    await call("PUT", `/v2/acme/man3/manifests/${digest}?${query}`, { body: content });
    const seen: string[][] = [];
    for (let path: string | undefined = "/v2/acme/man3/tags/list?n=3"; path !== undefined;) {
      const response = await call("GET", path);
      seen.push(((await response.json()) as { tags: string[] }).tags);
      path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual([["t0", "t1", "t2"], ["t3", "t4", "t5"], ["t6"]]);
    expect(await (await call("GET", "/v2/acme/man3/tags/list")).json()).toEqual({
      name: "acme/man3",
      tags: seen.flat(),
    });
    const none = await call("GET", "/v2/acme/man3/tags/list?n=0");
    expect([await none.json(), none.headers.get("link")]).toEqual([{ name: "acme/man3", tags: [] }, null]);
    for (const bad of ["n=-1", "n=x", "last=%00"])
      expect((await call("GET", `/v2/acme/man3/tags/list?${bad}`)).status).toBe(400);
  });

  it("deletes a tag, then a manifest; referrers never answer 404", async () => {
    const { content, digest } = await imageOf("acme/man4");
    await call("PUT", `/v2/acme/man4/manifests/${digest}?tag=a&tag=b`, { body: content });
    expect((await call("DELETE", "/v2/acme/man4/manifests/a")).status).toBe(202);
    expect((await call("HEAD", "/v2/acme/man4/manifests/a")).status).toBe(404);
    expect((await call("DELETE", `/v2/acme/man4/manifests/${digest}`)).status).toBe(202);
    expect(await errorOf(await call("GET", "/v2/acme/man4/manifests/b"))).toBe("404 MANIFEST_UNKNOWN");
    const referrers = await call("GET", `/v2/acme/never-made/referrers/${digest}`);
    expect(referrers.headers.get("content-type")).toBe(mediaTypes.ociIndex);
    expect(await referrers.json()).toEqual({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });
    expect(await errorOf(await call("GET", "/v2/acme/man4/referrers/nonsense"))).toBe("400 DIGEST_INVALID");
  });

  it("answers a subject with OCI-Subject and lists it, filtered when asked", async () => {
    const { content } = await imageOf("acme/man5");
    const subject = digestOf(Buffer.from("later"));
    const about = {
      ...(JSON.parse(Buffer.from(content).toString()) as object),
      artifactType: "application/sbom",
      subject: { mediaType: mediaTypes.ociImage, digest: subject, size: 5 },
    };
    const put = await call("PUT", "/v2/acme/man5/manifests/sbom", {
      headers: { "content-type": mediaTypes.ociImage },
      body: JSON.stringify(about),
    });
    expect(put.headers.get("oci-subject")).toBe(subject);
    const list = async (query: string): Promise<number> => {
      const response = await call("GET", `/v2/acme/man5/referrers/${subject}${query}`);
      expect(response.headers.get("oci-filters-applied")).toBe(query === "" ? null : "artifactType");
      return ((await response.json()) as { manifests: unknown[] }).manifests.length;
    };
    expect([
      await list(""),
      await list("?artifactType=application/sbom"),
      await list("?artifactType=application/other"),
    ]).toEqual([1, 1, 0]);
  });

  it("lists referrers by pages whose links lead through all of them, with the filter", async () => {
    const { content, digest: subject } = await imageOf("acme/man8");
    const about = JSON.parse(Buffer.from(content).toString()) as object;
    const headers = { "content-type": mediaTypes.ociImage };
    const push = async (number: number): Promise<string> => {
      const body = JSON.stringify({
        ...about,
        artifactType: number % 2 === 0 ? "application/even" : "application/odd",
        subject: { mediaType: mediaTypes.ociImage, digest: subject, size: content.byteLength },
        annotations: { number: String(number) },
      });
      const digest = digestOf(Buffer.from(body));
      expect((await call("PUT", `/v2/acme/man8/manifests/${digest}`, { headers, body })).status).toBe(201);
      return digest;
    };
    const pushed: string[] = [];
    for (let number = 0; number < 410; number += 10) {
      pushed.push(...(await Promise.all(Array.from({ length: 10 }, (_, more) => push(number + more)))));
    }
    const follow = async (query: string): Promise<{ readonly digests: string[]; readonly pages: number }> => {
      const digests: string[] = [];
      let pages = 0;
      for (let next: string | undefined = `/v2/acme/man8/referrers/${subject}${query}`; next !== undefined; pages++) {
        const response = await call("GET", next);
        expect(response.headers.get("oci-filters-applied")).toBe(query === "" ? null : "artifactType");
        const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
        digests.push(...manifests.map(({ digest }) => digest));
        next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
      }
      return { digests, pages };
    };
    expect(await follow("")).toEqual({ digests: pushed.toSorted(), pages: 3 });
    const even = pushed.filter((_, number) => number % 2 === 0).toSorted();
    expect(await follow("?artifactType=application/even")).toEqual({ digests: even, pages: 2 });
  });

  it("takes Docker schema 2, images and lists, and layers that lie elsewhere without their bytes", async () => {
    const { content } = await imageOf("acme/man9");
    const image = JSON.parse(Buffer.from(content).toString()) as { layers: object[] };
    const elsewhere = { digest: digestOf(Buffer.from("elsewhere")), size: 9, urls: ["https://example.com/layer"] };
    const put = async (mediaType: string, body: object): Promise<string> => {
      const text = JSON.stringify({ schemaVersion: 2, mediaType, ...body });
      const digest = digestOf(Buffer.from(text));
      const headers = { "content-type": mediaType };
      const response = await call("PUT", `/v2/acme/man9/manifests/${digest}`, { headers, body: text });
      expect(response.status).toBe(201);
      const got = await call("GET", `/v2/acme/man9/manifests/${digest}`);
      expect([got.headers.get("content-type"), await got.text()]).toEqual([mediaType, text]);
      return digest;
    };
    const { docker, oci } = {
      docker: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      oci: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    };
    await put(mediaTypes.ociImage, { ...image, layers: [...image.layers, { mediaType: oci, ...elsewhere }] });
    const layers = [...image.layers, { mediaType: docker, ...elsewhere }];
    const digest = await put(mediaTypes.dockerImage, { ...image, mediaType: mediaTypes.dockerImage, layers });
    const manifests = [{ mediaType: mediaTypes.dockerImage, digest, size: 1 }];
    await put(mediaTypes.dockerList, { manifests });
  });

  it.each([
    ["malformed JSON", "{", "400 MANIFEST_INVALID"],
    ["10 MB", "x".repeat(10_000_000), "413 SIZE_INVALID"],
    ["nothing at all", "", "400 MANIFEST_INVALID"],
    [
      "content that was not pushed",
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociImage,
        config: { mediaType: "a/b", digest: digestOf(Buffer.from("?")), size: 1 },
        layers: [],
      }),
      "400 MANIFEST_BLOB_UNKNOWN",
    ],
  ])("refuses %s", async (_, body, expected) => {
    expect(
      await errorOf(
        await call("PUT", "/v2/acme/man6/manifests/v1", { headers: { "content-type": mediaTypes.ociImage }, body }),
      ),
    ).toBe(expected);
  });

  it("takes a JSON document of a media type that it does not know, and refuses a bad tag", async () => {
    const headers = { "content-type": "application/vnd.acme.thing+json" };
    expect((await call("PUT", "/v2/acme/man7/manifests/v1", { headers, body: "{}" })).status).toBe(201);
    expect(await errorOf(await call("PUT", "/v2/acme/man7/manifests/.bad", { headers, body: "{}" }))).toBe(
      "400 MANIFEST_INVALID",
    );
    expect(await errorOf(await call("GET", "/v2/acme/man7/manifests/.bad"))).toBe("404 MANIFEST_UNKNOWN");
  });
});
