import { useState } from "react";
import { chooseTheme, chosenTheme, type Theme, themes } from "./theme.ts";

const icons: Readonly<Record<Theme, string>> = {
  system: "M2 3h12v8H2zM6 14h4M8 11v3",
  light:
    "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.4 1.4M11.6 11.6 13 13M3 13l1.4-1.4M11.6 4.4 13 3",
  dark: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z",
};

/** System, light or dark: three radio buttons, drawn as one switch. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(chosenTheme);
  return (
    <fieldset className="theme-switch">
      <legend className="visually-hidden">Theme</legend>
      {themes.map((choice) => (
        <label key={choice} title={`Theme: ${choice}`}>
          <input
            type="radio"
            name="theme"
            value={choice}
            checked={theme === choice}
            onChange={() => {
              chooseTheme(choice);
              setTheme(choice);
            }}
          />
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={icons[choice]} />
          </svg>
          <span className="visually-hidden">{choice}</span>
        </label>
      ))}
    </fieldset>
  );
}
