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
    ["an IPv6 address", "fd00::1", "2001:DB8::7", "2001:db8::7"],
    ["an IPv6 address in brackets", "fd00::1", "[2001:db8::7]:4711", "2001:db8::7"],
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
