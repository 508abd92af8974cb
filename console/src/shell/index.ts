/** What stands around every page: theme, state of the connection, signing in, the keys. */
export { ConnectionBadge } from "./connection-badge.tsx";
export { KeysDialog } from "./keys-dialog.tsx";
export { SignIn } from "./sign-in.tsx";
export { ThemeSwitch } from "./theme-switch.tsx";
