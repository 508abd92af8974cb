/** For tests and screenshots only: sample pulls, and a server that plays the API from a script. */
export { complaintsOf, launchBrowser } from "./chromium.ts";
export { manyPulls } from "./sample-many.ts";
export { busyPulls, rollOutPulls, sampleNodes } from "./sample-pulls.ts";
export { backOffPulls, timedRollOut } from "./sample-waiting.ts";
export { type Scene, scenes } from "./scenes.ts";
export { scriptedPage, type ScriptedServer, type ScriptedState, startScriptedServer } from "./scripted-server.ts";
