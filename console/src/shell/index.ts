/** What stands around every page: head with navigation, theme, state of the connection, signing in, the keys. */
export { CopyButton } from "./copy-button.tsx";
export { NoAgent } from "./empty-states.tsx";
export { PageFrame } from "./page-frame.tsx";
