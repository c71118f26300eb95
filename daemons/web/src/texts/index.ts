// Which language is spoken, and how numbers and moments are written in it.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { isTooSlow, Unreachable } from "../api";
import { isDaqi, scale, type Step, stepOf } from "../index-scale";
import { ZONE } from "../zone";
import { de } from "./de";
import { en, type Texts } from "./en";

export type Language = "en" | "de";
export const LANGUAGES: Record<Language, string> = { en: "English", de: "Deutsch" };

export interface Words {
  language: Language;
  t: Texts;
  number: (value: number, decimals?: number) => string;
  percent: (share: number) => string;
  bytes: (value: number) => string;
  /** A moment in the viewer's time zone, to the minute. */
  moment: (time: number | string) => string;
  /** Seconds as people say them. */
  span: (seconds: number) => string;
  country: (code: string | null) => string;
  /** The band of an index, or of a step of the scale. */
  band: (of: number | Step) => string;
  /** What to do at an index; nothing where it does not speak of health. */
  advice: (index: number) => string | null;
}

const ALL: Record<Language, Texts> = { en, de };

export const words = (language: Language): Words => {
  const t = ALL[language];
  const names = new Intl.DisplayNames(language, { type: "region" });
  const tag = language === "en" ? "en-GB" : "de";
  const moments = new Intl.DateTimeFormat(tag, { timeZone: ZONE, dateStyle: "medium", timeStyle: "short" });
  const zones = new Intl.DateTimeFormat(tag, { timeZone: ZONE, timeZoneName: "short" });
  const zoneAt = (moment: Date) => zones.formatToParts(moment).find(({ type }) => type === "timeZoneName")?.value ?? ZONE;
  const number = (value: number, decimals = 0) =>
    new Intl.NumberFormat(language, { maximumFractionDigits: decimals }).format(value);
  const band = (of: number | Step) => {
    const step = typeof of === "number" ? scale.steps[stepOf(of)] : of;
    if (!step) return "";
    return (isDaqi ? t.bands[step.band] : undefined) ?? step.names[language] ?? step.band;
  };
  return {
    language,
    t,
    number,
    band,
    advice: (index) => {
      const step = scale.steps[stepOf(index)];
      if (!step) return null;
      return (isDaqi ? t.adviceOf[step.band] : undefined) ?? t.adviceAt[step.severity ?? ""] ?? null;
    },
    percent: (share) =>
      new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share),
    bytes: (value) => {
      const units = ["B", "kB", "MB", "GB", "TB"];
      let [size, unit] = [value, 0];
      while (size >= 1000 && unit < units.length - 1) {
        size /= 1000;
        unit += 1;
      }
      return `${number(size, unit === 0 || size >= 100 ? 0 : 1)} ${units[unit]}`;
    },
    moment: (time) => `${moments.format(new Date(time))} ${zoneAt(new Date(time))}`,
    span: (seconds) => {
      const s = Math.max(0, Math.round(seconds));
      if (s < 120) return t.seconds(s);
      if (s < 7200) return t.minutes(Math.floor(s / 60));
      if (s < 172_800) return t.hours(Math.floor(s / 3600));
      return t.days(Math.floor(s / 86_400));
    },
    country: (code) => {
      if (code === null) return t.countryUnknown;
      try {
        return names.of(code) ?? code;
      } catch {
        return code;
      }
    },
  };
};

/** Why something failed, as people say it. */
export const reasonOf = (error: unknown, t: Texts): string => {
  if (error instanceof Unreachable || error instanceof TypeError) return t.unreachable;
  if (isTooSlow(error)) return t.tooSlow;
  return error instanceof Error ? error.message : String(error);
};

/** The browser's language, else English. */
export const usual = (): Language => {
  const first = navigator.languages.find((tag) => /^(en|de)\b/i.test(tag));
  return first?.toLowerCase().startsWith("de") ? "de" : "en";
};

export const WordsContext = createContext<Words>(words("en"));
export const useWords = () => useContext(WordsContext);
