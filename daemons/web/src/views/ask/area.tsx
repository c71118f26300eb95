// The location filters: countries, and a box or a circle.

import type { Summary } from "../../api";
import { NEAR_KM, type Selection } from "../../selection";
import { useWords } from "../../texts";
import { type Draft, Field } from "./field";

interface Props {
  draft: Draft;
  /** Countries with readings. */
  countries: Summary["countries"];
  /** The map's view as a box for the API; `null` while unknown. */
  viewAsBox: string | null;
  /** Lets the area be drawn on the map. */
  onDraw: (drawing: "box" | "place") => void;
  onFailure: (message: string) => void;
}

export const AreaFields = ({ draft, countries, viewAsBox, onDraw, onFailure }: Props) => {
  const { t } = useWords();
  const { selection, put } = draft;
  return (
    <fieldset>
      <legend>{t.where}</legend>
      <Countries draft={draft} countries={countries} />
      <label>
        {t.area}
        <select name="area" value={selection.area} onChange={(event) => put({ area: event.currentTarget.value as Selection["area"] })}>
          <option value="">{t.anywhere}</option>
          <option value="bbox">{t.box}</option>
          <option value="near">{t.around}</option>
        </select>
      </label>
      {selection.area === "bbox" && <Box draft={draft} viewAsBox={viewAsBox} onDraw={onDraw} />}
      {selection.area === "near" && <Surroundings draft={draft} onDraw={onDraw} onFailure={onFailure} />}
    </fieldset>
  );
};

/** A list to choose from, and the chosen ones, which are removed by a click. */
const Countries = ({ draft, countries }: Pick<Props, "draft" | "countries">) => {
  const { t, language, number, country } = useWords();
  const { selection, put } = draft;
  const chosen = selection.countries;
  const named = countries
    .filter((row) => row.country !== null)
    .map((row) => ({ code: row.country!, name: country(row.country), readings: row.readings }))
    .sort((a, b) => a.name.localeCompare(b.name, language));
  return (
    <>
      <Field draft={draft} name="country" label={t.addCountry}>
        <select
          name="country"
          value=""
          onChange={(event) => {
            const code = event.currentTarget.value;
            event.currentTarget.value = "";
            if (code && !chosen.includes(code)) put({ countries: [...chosen, code] });
          }}
        >
          <option value="">{chosen.length === 0 ? t.allCountries : t.anotherCountry}</option>
          {named.map(({ code, name, readings }) => (
            <option key={code} value={code} disabled={chosen.includes(code)}>
              {name} ({number(readings)})
            </option>
          ))}
        </select>
      </Field>
      {chosen.length > 0 && (
        <ul class="chips">
          {chosen.map((code) => (
            <li key={code}>
              <button
                type="button"
                aria-label={t.remove(country(code))}
                onClick={() => put({ countries: chosen.filter((other) => other !== code) })}
              >
                {country(code)} ×
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
};

const Box = ({ draft, viewAsBox, onDraw }: Pick<Props, "draft" | "viewAsBox" | "onDraw">) => {
  const { t } = useWords();
  const { selection, put } = draft;
  return (
    <>
      <Field draft={draft} name="bbox" label={t.boxField}>
        <input name="bbox" autocomplete="off" value={selection.bbox} onInput={(event) => put({ bbox: event.currentTarget.value })} />
      </Field>
      <p class="actions">
        <button type="button" onClick={() => onDraw("box")}>{t.drawBox}</button>
        <button type="button" disabled={viewAsBox === null} onClick={() => put({ bbox: viewAsBox ?? "" })}>{t.viewAsBox}</button>
      </p>
    </>
  );
};

const Surroundings = ({ draft, onDraw, onFailure }: Pick<Props, "draft" | "onDraw" | "onFailure">) => {
  const { t } = useWords();
  const { selection, put } = draft;
  const putOwnPlace = () =>
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => put({ near: `${coords.latitude.toFixed(3)},${coords.longitude.toFixed(3)},${NEAR_KM}` }),
      () => onFailure(t.nearMeFailed),
    );
  return (
    <>
      <Field draft={draft} name="near" label={t.nearField}>
        <input name="near" autocomplete="off" value={selection.near} onInput={(event) => put({ near: event.currentTarget.value })} />
      </Field>
      <p class="actions">
        <button type="button" onClick={() => onDraw("place")}>{t.pickPlace}</button>
        <button type="button" onClick={putOwnPlace}>{t.nearMe}</button>
      </p>
    </>
  );
};
