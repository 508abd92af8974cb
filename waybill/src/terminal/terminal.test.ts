import { Writable } from "node:stream";
import { readSettings, setting } from "@waybill/foundation/config";
import { Problem, UserError } from "@waybill/foundation/errors";
import { createLogger } from "@waybill/foundation/telemetry";
import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { BusyError } from "../errors/index.ts";
import { describeFailure, humanBytes, logTo } from "./index.ts";

function collector(isTTY = false): Writable & { text: () => string; isTTY: boolean } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return Object.assign(stream, { text: () => chunks.join(""), isTTY });
}

describe("a failure", () => {
  it("of a person's making is said with its advice and ends with 1", () => {
    expect(describeFailure(new UserError("the disk is full", "Free some space."))).toEqual({
      code: 1,
      text: "waybill: the disk is full\n  Free some space.\n",
    });
  });

  it("because something is in use ends with 3, so that a script can tell", () => {
    expect(describeFailure(new BusyError("127.0.0.1:8080 is already in use")).code).toBe(3);
  });

  it("of the settings names every bad variable and ends with 2", () => {
    const definition = {
      one: setting.integer({ env: "A_ONE", describe: "x" }),
      two: setting.boolean({ env: "A_TWO", describe: "y" }),
    };
    let failure = { code: 0, text: "" };
    try {
      readSettings(definition, { env: { A_ONE: "many" } });
    } catch (error) {
      failure = describeFailure(error);
    }
    expect(failure.code).toBe(2);
    expect(failure.text).toMatch(/A_ONE must be a whole number[^]*A_TWO is required/);
  });

  it("of the command line was said by commander and ends with 2, help with 0", () => {
    expect(describeFailure(new CommanderError(1, "commander.unknownOption", "said"))).toEqual({ code: 2, text: "" });
    expect(describeFailure(new CommanderError(0, "commander.helpDisplayed", "said"))).toEqual({ code: 0, text: "" });
  });

  it("that a server explained is said in its words", () => {
    const problem = new Problem({
      code: "KN-404",
      status: 404,
      title: "Not found",
      detail: "There is no such tenant.",
    });
    expect(describeFailure(problem)).toEqual({ code: 1, text: "waybill: There is no such tenant. (KN-404)\n" });
  });

  it("that nobody foresaw is called a bug and shows where it happened", () => {
    const { code, text } = describeFailure(new TypeError("oops"));
    expect(code).toBe(1);
    expect(text).toMatch(/bug in Waybill[^]*TypeError: oops[^]*terminal\.test\.ts/);
  });
});

describe("log lines", () => {
  it("are JSON where a program reads them", () => {
    const stream = collector();
    createLogger({ level: "info", name: "store", destination: logTo(stream, "auto") }).info({ bytes: 5 }, "stored");
    expect(JSON.parse(stream.text())).toMatchObject({ level: "info", name: "store", bytes: 5, msg: "stored" });
  });

  it("are text on a terminal, with what was added and without request ids", () => {
    const stream = collector(true);
    const log = createLogger({ level: "info", name: "store", destination: logTo(stream, "auto") });
    log.warn({ bytes: 5, path: "/a b", requestId: "x" }, "slow disk");
    expect(stream.text()).toMatch(/^\d\d:\d\d:\d\d warn {2}store: slow disk bytes=5 path="\/a b"\n$/);
  });

  it("show the stack of an error on lines of their own", () => {
    const stream = collector(true);
    createLogger({ level: "info", name: "store", destination: logTo(stream, "text") }).error(
      { err: new Error("no") },
      "failed",
    );
    expect(stream.text()).toMatch(/failed\n {2}Error: no\n {6}at /);
  });
});

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [62_914_560, "60.0 MiB"],
    [5 * 1024 ** 5, "5120.0 TiB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text);
  });
});
