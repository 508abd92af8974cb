import { describe, expect, it } from "vitest";
import { ReceiveWindow, SendWindow } from "./window.ts";

describe("a window that we give", () => {
  it("is given back by halves", () => {
    const window = new ReceiveWindow(100);
    expect([49, 1, 30, 30].map((bytes) => window.take(bytes))).toEqual([0, 50, 0, 60]);
  });

  it("ends the connection when more comes than it holds", () => {
    const window = new ReceiveWindow(100);
    expect(window.take(40)).toBe(0);
    expect(() => window.take(61)).toThrow(/FLOW_CONTROL_ERROR/);
  });
});

describe("a window that we are given", () => {
  it("may fall below zero and comes back", () => {
    const window = new SendWindow(10);
    window.grow(-30);
    window.grow(25);
    expect(window.available).toBe(5);
  });

  it("holds 2^31-1 bytes and no more", () => {
    const window = new SendWindow(0);
    window.grow(0x7fffffff);
    expect(() => window.grow(1)).toThrow(/FLOW_CONTROL_ERROR/);
  });
});
