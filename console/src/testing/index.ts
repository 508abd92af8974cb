/** For tests and screenshots only: sample pulls, and a server that plays the API from a script. */
export { buildPage } from "./built-page.ts";
export { manyPulls } from "./sample-many.ts";
export { busyPulls, rollOutPulls, sampleNodes } from "./sample-pulls.ts";
export { backOffPulls, timedRollOut } from "./sample-waiting.ts";
export { launchOptions, type PlayedScene, playScene, type Scene, sceneIsUp, scenes } from "./scenes.ts";
export { scriptedPage, type ScriptedServer, type ScriptedState, startScriptedServer } from "./scripted-server.ts";
