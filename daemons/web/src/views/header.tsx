// The header: the name, the data age, and the settings.

import type { Palette } from "../index-scale";
import type { Readings } from "../readings";
import { type Settings, type Theme, THEMES } from "../settings";
import { LANGUAGES, type Language, useWords } from "../texts";

interface Props {
  readings: Readings;
  /** The past time that is shown, in milliseconds; `null`: the newest readings. */
  moment: number | null;
  settings: Settings;
}

export const Header = ({ readings, moment, settings }: Props) => {
  const { t } = useWords();
  return (
    <header class="head">
      <div class="name">
        <h1>Airshed</h1>
        <p>{t.tagline}</p>
      </div>
      <Age readings={readings} moment={moment} />
      <Choices settings={settings} />
    </header>
  );
};

const Age = ({ readings: { known, age }, moment }: Pick<Props, "readings" | "moment">) => {
  const words = useWords();
  const { t } = words;
  return (
    <p class="state" id="state">
      {moment !== null
        ? t.lookingBack(words.moment(moment))
        : known &&
          (age === null ? t.readings("0") : `${t.age(words.span(age))} · ${t.readings(words.number(known.readings))}`)}
    </p>
  );
};

const Choices = ({ settings }: Pick<Props, "settings">) => {
  const { t } = useWords();
  const { language, palette, theme, setLanguage, setPalette, setTheme } = settings;
  return (
    <div class="settings">
      <label>
        <span>{t.language}</span>
        <select value={language} onChange={(event) => setLanguage(event.currentTarget.value as Language)}>
          {Object.entries(LANGUAGES).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t.colours}</span>
        <select value={palette} onChange={(event) => setPalette(event.currentTarget.value as Palette)}>
          <option value="official">{t.official}</option>
          <option value="safe">{t.safe}</option>
        </select>
      </label>
      <label>
        <span>{t.appearance}</span>
        <select value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
          {THEMES.map((theme) => (
            <option key={theme} value={theme}>
              {t[theme]}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
};
