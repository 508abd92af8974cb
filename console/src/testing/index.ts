/** For tests and screenshots only: sample pulls, and a server that plays the API from a script. */
export { busyPulls, manyPulls, rollOutPulls, sampleNodes } from "./sample-pulls.ts";
export { launchOptions, type PlayedScene, playScene, type Scene, sceneIsUp, scenes } from "./scenes.ts";
export { type ScriptedServer, type ScriptedState, startScriptedServer } from "./scripted-server.ts";
