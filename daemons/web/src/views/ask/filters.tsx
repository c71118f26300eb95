// The filters by index and by sensor attributes.

import { useId } from "preact/hooks";
import { BANDS, scale } from "../../index-scale";
import { useWords } from "../../texts";
import { type Draft, Field } from "./field";

const SENSOR_TYPES = ["SDS011", "SPS30", "PMS5003", "PMS7003", "SEN5X", "HPM", "PPD42NS", "NextPM"];

export const FilterFields = ({ draft }: { draft: Draft }) => {
  const { t } = useWords();
  return (
    <fieldset>
      <legend>{t.which}</legend>
      <IndexFields draft={draft} />
      <SensorFields draft={draft} />
    </fieldset>
  );
};

const IndexFields = ({ draft }: { draft: Draft }) => {
  const { t, band } = useWords();
  const { selection, put } = draft;
  const limits = { min: scale.low, max: scale.high ?? undefined, step: 1 };
  return (
    <div class="pair">
      <Field draft={draft} name="minAqi" label={t.minAqi}>
        <input
          type="number"
          name="minAqi"
          {...limits}
          placeholder={String(scale.low)}
          value={selection.minAqi}
          onInput={(event) => put({ minAqi: event.currentTarget.value })}
        />
      </Field>
      <Field draft={draft} name="maxAqi" label={t.maxAqi}>
        <input
          type="number"
          name="maxAqi"
          {...limits}
          placeholder={scale.high === null ? "" : String(scale.high)}
          value={selection.maxAqi}
          onInput={(event) => put({ maxAqi: event.currentTarget.value })}
        />
      </Field>
      <Field draft={draft} name="range" label={t.range}>
        <select name="range" value={selection.range} onChange={(event) => put({ range: event.currentTarget.value })}>
          <option value="">{t.anyRange}</option>
          {BANDS.map(({ name, steps }) => (
            <option key={name} value={name}>
              {band(steps[0]!)}
            </option>
          ))}
        </select>
      </Field>
    </div>
  );
};

const SensorFields = ({ draft }: { draft: Draft }) => {
  const { t } = useWords();
  const { selection, put } = draft;
  const types = useId();
  return (
    <details open={selection.sensorType !== "" || selection.indoor !== "" || selection.trusted}>
      <summary>{t.more}</summary>
      <Field draft={draft} name="sensorType" label={t.sensorType}>
        <input
          name="sensorType"
          list={types}
          autocomplete="off"
          value={selection.sensorType}
          onInput={(event) => put({ sensorType: event.currentTarget.value })}
        />
      </Field>
      <datalist id={types}>
        {SENSOR_TYPES.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <label>
        {t.inOrOut}
        <select name="indoor" value={selection.indoor} onChange={(event) => put({ indoor: event.currentTarget.value })}>
          <option value="">{t.either}</option>
          <option value="false">{t.outdoorOnly}</option>
          <option value="true">{t.indoorOnly}</option>
        </select>
      </label>
      <label class="choice">
        <input type="checkbox" name="trusted" checked={selection.trusted} onChange={(event) => put({ trusted: event.currentTarget.checked })} />
        {t.trusted}
      </label>
    </details>
  );
};
