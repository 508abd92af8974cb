export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const key = "waybill.theme";

export function chosenTheme(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(key)) ?? "system";
  } catch {
    return "system";
  }
}

/** Applies and remembers the theme; `public/theme.js` reads it back before the first paint. */
export function chooseTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Storage is switched off: the choice holds until the page closes.
  }
}
