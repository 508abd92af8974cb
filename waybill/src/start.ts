// What bin/waybill starts: the built program where it is fresh, else the sources. Both are the same command line.
import { resolve } from "node:path";
import { freshProgram } from "./built-program/index.ts";

await import(freshProgram(resolve(import.meta.dirname, "../..")) ?? "./main.ts");
