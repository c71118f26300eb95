// The time range: a preset relative to the newest readings, or two dates.

import type { Preset } from "../../selection";
import { useWords } from "../../texts";
import { toLocal, toUtc, ZONE } from "../../zone";
import { type Draft, Field } from "./field";

export const DateFields = ({ draft }: { draft: Draft }) => {
  const { t } = useWords();
  const { selection, put } = draft;
  return (
    <fieldset>
      <legend>{t.when(ZONE)}</legend>
      <div class="presets">
        {(Object.keys(t.presets) as Preset[]).map((preset) => (
          <label key={preset} class="choice">
            <input type="radio" name="preset" checked={selection.preset === preset} onChange={() => put({ preset })} />
            {t.presets[preset]}
          </label>
        ))}
      </div>
      <div class="pair">
        <Field draft={draft} name="startDate" label={t.start}>
          <input
            type="datetime-local"
            name="startDate"
            value={toLocal(selection.start)}
            onInput={(event) => put({ preset: "custom", start: toUtc(event.currentTarget.value) })}
          />
        </Field>
        <Field draft={draft} name="endDate" label={t.end}>
          <input
            type="datetime-local"
            name="endDate"
            value={toLocal(selection.end)}
            onInput={(event) => put({ preset: "custom", end: toUtc(event.currentTarget.value) })}
          />
        </Field>
      </div>
      <p class="note">{t.presetsNote}</p>
    </fieldset>
  );
};
