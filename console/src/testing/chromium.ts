import { type Browser, chromium, type Page } from "playwright-core";

/** Debian's Chromium; without the network chatter of a fresh profile. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/**
 * Everything that the browser complains about from now on: errors that nobody caught, what it refuses (also by
 * Content-Security-Policy), and any dialog, of which the page has none.
 * @param failedRequests also tells requests that were refused or broke off, which are no fault of a page whose server is away
 */
export function complaintsOf(page: Page, { failedRequests = false } = {}): readonly string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    if (failedRequests || !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  page.on("dialog", (dialog) => {
    complaints.push(dialog.message());
    void dialog.dismiss();
  });
  return complaints;
}
