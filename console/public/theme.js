// The chosen theme, before the first paint. The page's own code (src/shell/theme.ts) writes it.
try {
  const theme = localStorage.getItem("waybill.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's theme it is.
}
