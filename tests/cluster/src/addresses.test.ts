import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { overlap, planAddresses, planNode } from "./addresses.ts";

const ids = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString("hex"));

function isAddress(text: string): boolean {
  const parts = text.split(".").map(Number);
  return parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
}

describe("the addresses of a cluster", () => {
  it("are valid, its own, and follow from its id alone", () => {
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 200 }), (id, number) => {
        const plan = planAddresses(id);
        const node = planNode(id, plan, number);
        for (const address of [plan.host, plan.apiService, plan.loopback, node.address])
          expect(isAddress(address)).toBe(true);
        for (const inside of [`${plan.host}/32`, plan.services, node.podSubnet, `${node.address}/32`])
          expect(overlap(inside, plan.network)).toBe(true);
        expect(plan.loopback).not.toMatch(/^127\.0\.|\.(0|255)$/);
        // What the kernel takes as the name of a link: IFNAMSIZ is 16, with the zero at its end.
        for (const name of [plan.bridge, node.cable]) expect(name.length).toBeLessThan(16);
        expect(planAddresses(id)).toEqual(plan);
      }),
    );
  });

  it("of nodes, pods and Services never meet", () => {
    fc.assert(
      fc.property(ids, fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 2, maxLength: 2 }), (id, pair) => {
        const plan = planAddresses(id);
        const [one, other] = pair.map((number) => planNode(id, plan, number));
        if (one === undefined || other === undefined) throw new Error("a pair has two");
        const machines = plan.host.replace(/\.1$/, ".0/24");
        const networks = [machines, plan.services, one.podSubnet, other.podSubnet];
        for (const [index, network] of networks.entries())
          for (const later of networks.slice(index + 1)) expect(overlap(network, later)).toBe(false);
        expect(one.address).not.toBe(other.address);
      }),
    );
  });

  it.each(["", "123", "0123456", "zzzzzzzz", "../../etc", "0123456789"])("are refused for the id %j", (id) => {
    expect(() => planAddresses(id)).toThrow(RangeError);
  });

  it.each([0, -1, 201, 1.5, Number.NaN])("are refused for node %d", (number) => {
    expect(() => planNode("0badcafe", planAddresses("0badcafe"), number)).toThrow(/at most 200 nodes/);
  });
});

describe("two networks overlap", () => {
  it.each([
    ["10.1.0.0/16", "10.1.2.0/24", true],
    ["10.1.2.3", "10.1.0.0/16", true],
    ["10.1.0.0/16", "10.2.0.0/16", false],
    ["0.0.0.0/0", "10.2.0.0/16", true],
    ["192.168.1.0/25", "192.168.1.128/25", false],
    ["192.168.1.128/25", "192.168.1.200", true],
  ])("%s and %s: %s", (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
    expect(overlap(other, one)).toBe(expected);
  });
});
