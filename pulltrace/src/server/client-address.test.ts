import * as fc from "fast-check";
import { parseNetworks } from "@waybill/foundation/config";
import { describe, expect, it } from "vitest";
import { clientAddresses } from "./client-address.ts";
import { reportOf } from "./testing/reports.ts";
import { runningServer, type ReportAddress } from "./testing/running-server.ts";

const networks = parseNetworks("10.1.0.0/16, 10.9.9.9, fd00::/8");
const clientOf = clientAddresses(networks);

describe("who a request comes from", () => {
  it.each([
    ["the peer, when no proxy is trusted", "192.0.2.1", "198.51.100.1", "192.0.2.1"],
    ["the trusted peer itself, when it names nobody", "10.1.2.3", undefined, "10.1.2.3"],
    ["whom a trusted proxy names", "10.1.2.3", "198.51.100.1", "198.51.100.1"],
    ["the nearest that is no trusted proxy", "10.1.2.3", "198.51.100.1, 10.9.9.9,10.1.0.1", "198.51.100.1"],
    ["not what a client put before its own address", "10.1.2.3", "203.0.113.9, 198.51.100.1", "198.51.100.1"],
    ["the farthest proxy, when all are trusted", "10.1.2.3", "10.1.0.5, 10.9.9.9", "10.1.0.5"],
    ["the proxy that passed on what is no address", "10.1.2.3", "198.51.100.1, unknown, 10.9.9.9", "10.9.9.9"],
    ["nobody's word, when the nearest is no address", "10.1.2.3", "198.51.100.1, <script>", "10.1.2.3"],
    ["an address without its port", "10.1.2.3", "198.51.100.1:4711", "198.51.100.1"],
    ["the /64 of an IPv6 address", "fd00::1", "2001:DB8:0:7::7", "2001:db8:0:7::/64"],
    ["the /64 of one in brackets", "fd00::1", "[2001:db8:0:7:8:9:a:b]:4711", "2001:db8:0:7::/64"],
    ["the /64 of the peer", "2001:db8:0:7:8:9:a:b", undefined, "2001:db8:0:7::/64"],
    ["the /64 of a peer with a zone", "fe80::1%eth0", undefined, "fe80:0:0:0::/64"],
    ["the /64 of one that ends with an IPv4 address", "64:ff9b:1:2:3:4:192.0.2.7", undefined, "64:ff9b:1:2::/64"],
    ["the /64 of this machine", "::1", undefined, "0:0:0:0::/64"],
    ["an IPv4 address in hexadecimal", "::ffff:c633:6401", undefined, "198.51.100.1"],
    ["an IPv4 address in long hexadecimal", "0:0:0:0:0:FFFF:0a01:203", "198.51.100.1", "198.51.100.1"],
    ["an IPv4 address that a listener on IPv6 sees", "::ffff:10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"],
    ["no address with a zone", "10.1.2.3", "fe80::1%eth0", "10.1.2.3"],
    ["the peer, when the header is empty", "10.1.2.3", " , ,", "10.1.2.3"],
    ["nothing, when the connection is gone", undefined, "198.51.100.1", ""],
  ])("is %s", (_, peer, header, client) => expect(clientOf(peer, header)).toBe(client));

  it("is never what a client made up: whatever it sends, the proxy's own word comes last", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(fc.ipV4()).map((all) => all.join(",")),
        ),
        (sent) => {
          expect(clientOf("10.1.2.3", `${sent}, 198.51.100.1`)).toBe("198.51.100.1");
          expect(clientOf("192.0.2.1", sent)).toBe("192.0.2.1");
          expect(clientAddresses([])("10.1.2.3", sent)).toBe("10.1.2.3");
        },
      ),
    ));

  it("is one for all addresses of a /64, and another for the next one, however they are written", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const written = (groups: readonly number[]): string => groups.map((one) => one.toString(16)).join(":");
    // The last group of the network part is not 0: else IPv4 addresses could be meant.
    const network = fc.tuple(group, group, group, fc.integer({ min: 1, max: 0xfffe }));
    fc.assert(
      fc.property(network, fc.tuple(group, group, group, group), group, (front, back, other) => {
        const client = clientOf(written([...front, ...back]), undefined);
        expect(client).toBe(`${written(front)}::/64`);
        expect(clientOf(`${written(front)}::${other.toString(16)}`, undefined)).toBe(client);
        const [a, b, c, d] = front;
        expect(clientOf(`${written([a, b, c, d + 1])}::1`, undefined)).not.toBe(client);
      }),
      { seed: 64 },
    );
  });

  it("is found among the nearest parts of a header, however long it is", () => {
    const long = `${"10.1.0.1,".repeat(100_000)}10.1.0.2`;
    expect(clientOf("10.1.2.3", `198.51.100.1,${long}`)).toBe("10.1.0.1");
  });
});

describe("the limits of clients behind a proxy", () => {
  const loopback = parseNetworks("127.0.0.1, ::1");
  /** One request at once, and one refused report; the next after 4 s, and 20 s. */
  const limits = { requestsPerClient: 0.25, badReportsPerClient: 0.05 };
  const times = [...Array.from({ length: 20 }).keys()];
  const oneClient = (time: number) => ({ "x-forwarded-for": `203.0.113.${time}, 198.51.100.1` });
  const manyClients = (time: number) => ({ "x-forwarded-for": `203.0.113.7, 198.51.100.${time}` });

  it("are each client's own when the proxy is trusted, whatever the client itself puts into the header", async () => {
    const running = await runningServer({ limits, trustedProxies: loopback });
    const statusesOf = async (from: typeof oneClient): Promise<number[]> => {
      const statuses: number[] = [];
      for (const time of times) statuses.push((await running.get("/api/v1/nodes", from(time))).status);
      return statuses;
    };
    expect(await statusesOf(oneClient)).toContain(429);
    expect(new Set((await statusesOf(manyClients)).filter((_, time) => time !== 1))).toEqual(new Set([200]));
  });

  it("are one for all addresses of a client's /64, and each network's own", async () => {
    const running = await runningServer({ limits, trustedProxies: loopback });
    const statusesOf = async (address: (time: number) => string): Promise<number[]> => {
      const statuses: number[] = [];
      for (const time of times)
        statuses.push((await running.get("/api/v1/nodes", { "x-forwarded-for": address(time) })).status);
      return statuses;
    };
    expect(await statusesOf((time) => `2001:db8:0:1::${time + 1}`)).toContain(429);
    expect(new Set(await statusesOf((time) => `2001:db8:1:${time}::1`))).toEqual(new Set([200]));
  });

  it("are one for all when it is not: anybody could write the header", async () => {
    const running = await runningServer({ limits });
    const statuses: number[] = [];
    for (const time of times) statuses.push((await running.get("/api/v1/nodes", manyClients(time))).status);
    expect(statuses).toContain(429);
  });

  it.each<ReportAddress>(["shared", "own"])(
    "count refused reports of each client at the %s address",
    async (reports) => {
      const running = await runningServer({ reports, limits, trustedProxies: loopback });
      const statuses: number[] = [];
      for (const time of times) statuses.push((await running.post("{", oneClient(time))).status);
      expect([statuses[0], statuses.includes(429)]).toEqual([400, true]);
      expect((await running.post(reportOf([]), manyClients(2))).status).toBe(200);
    },
  );
});
