// The language and appearance of the page, chosen by the visitor and stored in the browser.

import { useEffect, useState } from "preact/hooks";
import type { Palette } from "./index-scale";
import { LANGUAGES, type Language, usual } from "./texts";

export type Theme = "auto" | "light" | "dark";
export const THEMES: Theme[] = ["auto", "light", "dark"];

export interface Settings {
  language: Language;
  palette: Palette;
  theme: Theme;
  /** Whether it is dark, explicitly or by the system setting. */
  dark: boolean;
  setLanguage: (language: Language) => void;
  setPalette: (palette: Palette) => void;
  setTheme: (theme: Theme) => void;
}

export const useSettings = (): Settings => {
  const [language, setLanguage] = useKept<Language>("language", Object.keys(LANGUAGES) as Language[], usual());
  const [palette, setPalette] = useKept<Palette>("palette", ["official", "safe"], "official");
  const [theme, setTheme] = useKept<Theme>("theme", THEMES, "auto");
  const systemDark = useSystemDark();
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const dark = theme === "auto" ? systemDark : theme === "dark";
  return { language, palette, theme, dark, setLanguage, setPalette, setTheme };
};

/** A persisted state. A stored value that is no longer valid is ignored. */
const useKept = <T extends string>(name: string, values: readonly T[], usual: T) => {
  const key = `airshed.${name}`;
  const [value, setValue] = useState<T>(() => {
    const kept = localStorage.getItem(key) as T | null;
    return kept !== null && values.includes(kept) ? kept : usual;
  });
  const set = (value: T) => {
    localStorage.setItem(key, value);
    setValue(value);
  };
  return [value, set] as const;
};

const useSystemDark = (): boolean => {
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setDark(media.matches);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, []);
  return dark;
};
