// The form: which readings, as what file; how much that is; and the file itself.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { ask, estimate, type Estimate, isAborted, Refusal, type Summary, tally, type Tally, Unreachable } from "../api";
import { BANDS, byNumber, type Palette, scale } from "../index-scale";
import { add } from "../jobs";
import { ALL_COLUMNS, COLUMNS, USUAL_COLUMNS } from "../columns";
import { EMPTY, filters, FORMATS, isAll, type Preset, request, type Selection, toggled } from "../selection";
import { reasonOf, useWords } from "../texts";
import { Histogram, LeftOut, Ranking } from "./overview";
import { Preview } from "./preview";

interface Props {
  summary: Summary | null;
  /** With dates; `null` while it is not known what they count from. */
  selection: Selection | null;
  reachable: boolean;
  palette: Palette;
  viewAsBox: string | null;
  onSelection: (selection: Selection) => void;
  onDraw: (drawing: "box" | "place") => void;
  onJob: () => void;
}

const SENSOR_TYPES = ["SDS011", "SPS30", "PMS5003", "PMS7003", "SEN5X", "HPM", "PPD42NS", "NextPM"];
const DEBOUNCE_MS = 350;

/** A file that is larger is not held in the page's memory: the browser fetches it. */
const LARGEST_IN_MEMORY = 64e6;

export const AskView = ({ selection, ...props }: Props) => {
  const { t } = useWords();
  if (selection === null) return <p class="note" role="status">{t.loading}</p>;
  return <Form selection={selection} {...props} />;
};

const Form = (props: Props & { selection: Selection }) => {
  const { summary, selection, reachable, palette, viewAsBox, onSelection, onDraw, onJob } = props;
  const words = useWords();
  const { t, number, bytes, country, band } = words;
  const put = (change: Partial<Selection>) => onSelection({ ...selection, ...change });
  const query = request(selection).toString();
  const settled = useSettled(query);
  const [size, setSize] = useState<Estimate | null>(null);
  const [unsized, setUnsized] = useState<unknown>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [state, setState] = useState<{ text: string; bad: boolean } | null>(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    setSize(null);
    setUnsized(null);
    if (settled === null) return;
    const control = new AbortController();
    estimate(new URLSearchParams(settled), control.signal).then(
      (size) => {
        setSize(size);
        setRefusal(null);
      },
      (error: unknown) => {
        if (isAborted(error)) return;
        const refused = error instanceof Refusal && error.field !== null;
        setRefusal(refused ? error : null);
        setUnsized(refused ? null : error);
      },
    );
    return () => control.abort();
  }, [settled, reachable]);

  const submit = async () => {
    setBusy(true);
    setState({ text: t.asking, bad: false });
    try {
      const large = size !== null && (size.large || size.bytes > LARGEST_IN_MEMORY);
      setState(await fetchFile(query, large, onJob, words, setState));
      setRefusal(null);
    } catch (error) {
      if (error instanceof Refusal && error.field !== null) {
        setRefusal(error);
        setState(null);
      } else {
        const begun = !(error instanceof Refusal || error instanceof Unreachable);
        const none = error instanceof Refusal && error.status === 404;
        const text = none ? t.noData : begun ? t.cut : reasonOf(error, t);
        setState({ text, bad: true });
      }
    } finally {
      setBusy(false);
    }
  };

  /** A field with what the server says against it. */
  const field = (given: { name: string | string[]; label: string; children: ComponentChildren }) => {
    const fields = [given.name].flat();
    const wrong = refusal !== null && fields.includes(refusal.field ?? "") ? refusal.message : null;
    return (
      <label class={wrong ? "wrong" : undefined}>
        {given.label}
        {given.children}
        {wrong && <span class="bad" role="alert">{wrong}</span>}
      </label>
    );
  };
  const known = ["startDate", "endDate", "minAqi", "maxAqi", "range", "sensorType", "bbox", "near"];

  const countries = (summary?.countries ?? [])
    .filter((row) => row.country !== null)
    .map((row) => ({ code: row.country!, name: country(row.country), readings: row.readings }))
    .sort((a, b) => a.name.localeCompare(b.name, words.language));
  const types = useId();

  return (
    <form
      class="view ask"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h2 class="hidden">{t.tabAsk}</h2>
      <fieldset>
        <legend>{t.when}</legend>
        <div class="presets">
          {(Object.keys(t.presets) as Preset[]).map((preset) => (
            <label key={preset} class="choice">
              <input type="radio" name="preset" checked={selection.preset === preset} onChange={() => put({ preset })} />
              {t.presets[preset]}
            </label>
          ))}
        </div>
        <div class="pair">
          {field({
            name: "startDate",
            label: t.start,
            children: (
              <input type="datetime-local" name="startDate" value={selection.start} onInput={(event) => put({ preset: "custom", start: event.currentTarget.value })} />
            ),
          })}
          {field({
            name: "endDate",
            label: t.end,
            children: (
              <input type="datetime-local" name="endDate" value={selection.end} onInput={(event) => put({ preset: "custom", end: event.currentTarget.value })} />
            ),
          })}
        </div>
        <p class="note">{t.presetsNote}</p>
      </fieldset>

      <fieldset>
        <legend>{t.where}</legend>
        {field({
          name: "country",
          label: t.addCountry,
          children: (
            <select
              name="country"
              value=""
              onChange={(event) => {
                const code = event.currentTarget.value;
                event.currentTarget.value = "";
                if (code && !selection.countries.includes(code)) put({ countries: [...selection.countries, code] });
              }}
            >
              <option value="">{selection.countries.length === 0 ? t.allCountries : t.anotherCountry}</option>
              {countries.map(({ code, name, readings }) => (
                <option key={code} value={code} disabled={selection.countries.includes(code)}>
                  {name} ({number(readings)})
                </option>
              ))}
            </select>
          ),
        })}
        {selection.countries.length > 0 && (
          <ul class="chips">
            {selection.countries.map((code) => (
              <li key={code}>
                <button
                  type="button"
                  aria-label={t.remove(country(code))}
                  onClick={() => put({ countries: selection.countries.filter((other) => other !== code) })}
                >
                  {country(code)} ×
                </button>
              </li>
            ))}
          </ul>
        )}
        <label>
          {t.area}
          <select name="area" value={selection.area} onChange={(event) => put({ area: event.currentTarget.value as Selection["area"] })}>
            <option value="">{t.anywhere}</option>
            <option value="bbox">{t.box}</option>
            <option value="near">{t.around}</option>
          </select>
        </label>
        {selection.area === "bbox" && (
          <>
            {field({
              name: "bbox",
              label: t.boxField,
              children: <input name="bbox" autocomplete="off" value={selection.bbox} onInput={(event) => put({ bbox: event.currentTarget.value })} />,
            })}
            <p class="actions">
              <button type="button" onClick={() => onDraw("box")}>{t.drawBox}</button>
              <button type="button" disabled={viewAsBox === null} onClick={() => put({ bbox: viewAsBox ?? "" })}>{t.viewAsBox}</button>
            </p>
          </>
        )}
        {selection.area === "near" && (
          <>
            {field({
              name: "near",
              label: t.nearField,
              children: <input name="near" autocomplete="off" value={selection.near} onInput={(event) => put({ near: event.currentTarget.value })} />,
            })}
            <p class="actions">
              <button type="button" onClick={() => onDraw("place")}>{t.pickPlace}</button>
              <button
                type="button"
                onClick={() =>
                  navigator.geolocation.getCurrentPosition(
                    ({ coords }) => put({ near: `${coords.latitude.toFixed(3)},${coords.longitude.toFixed(3)},${NEAR_KM}` }),
                    () => setState({ text: t.nearMeFailed, bad: true }),
                  )
                }
              >
                {t.nearMe}
              </button>
            </p>
          </>
        )}
      </fieldset>

      <fieldset>
        <legend>{t.which}</legend>
        <div class="pair">
          {field({
            name: "minAqi",
            label: t.minAqi,
            children: <input type="number" name="minAqi" min={scale.low} max={scale.high ?? undefined} step={1} placeholder={String(scale.low)} value={selection.minAqi} onInput={(event) => put({ minAqi: event.currentTarget.value })} />,
          })}
          {field({
            name: "maxAqi",
            label: t.maxAqi,
            children: <input type="number" name="maxAqi" min={scale.low} max={scale.high ?? undefined} step={1} placeholder={scale.high === null ? "" : String(scale.high)} value={selection.maxAqi} onInput={(event) => put({ maxAqi: event.currentTarget.value })} />,
          })}
          {field({
            name: "range",
            label: t.range,
            children: (
              <select name="range" value={selection.range} onChange={(event) => put({ range: event.currentTarget.value })}>
                <option value="">{t.anyRange}</option>
                {BANDS.map(({ name, steps }) => (
                  <option key={name} value={name}>
                    {band(steps[0]!)}
                  </option>
                ))}
              </select>
            ),
          })}
        </div>
        <details open={selection.sensorType !== "" || selection.indoor !== "" || selection.trusted}>
          <summary>{t.more}</summary>
          {field({
            name: "sensorType",
            label: t.sensorType,
            children: <input name="sensorType" list={types} autocomplete="off" value={selection.sensorType} onInput={(event) => put({ sensorType: event.currentTarget.value })} />,
          })}
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
      </fieldset>

      <fieldset>
        <legend>{t.file}</legend>
        <label>
          {t.format}
          <select name="format" value={selection.format} onChange={(event) => put({ format: event.currentTarget.value })}>
            {FORMATS.map((format) => (
              <option key={format} value={format}>
                {t.formats[format]}
              </option>
            ))}
          </select>
        </label>
        <label class="choice">
          <input type="checkbox" name="columns" checked={isAll(selection.columns)} onChange={(event) => put({ columns: event.currentTarget.checked ? [...ALL_COLUMNS] : [] })} />
          {t.allColumns}
        </label>
        <Columns chosen={selection.columns} onChange={(columns) => put({ columns })} />
      </fieldset>

      <p class="estimate" role="status">
        {refusal === null && unsized !== null && <span class="bad">{t.estimateFailed(reasonOf(unsized, t))}</span>}
        {refusal === null &&
          unsized === null &&
          (size === null
            ? t.estimating
            : size.rows === 0
              ? t.estimateNone
              : size.exact
                ? t.estimateExact(number(size.rows), bytes(size.bytes))
                : t.estimateMost(number(size.rows), bytes(size.bytes)))}
        {refusal === null && size?.large && ` ${t.large}`}
        {refusal !== null && !known.includes(refusal.field ?? "") && <span class="bad">{refusal.message}</span>}
      </p>
      <p class="actions">
        <button type="submit" class="main" disabled={busy}>
          {t.submit}
        </button>
        <Copy label={t.copyCurl} text={() => curl(query)} />
        <Copy label={t.copyLink} text={() => location.href} />
        <button type="button" onClick={() => onSelection(EMPTY)}>
          {t.reset}
        </button>
      </p>
      <p id="answer" role="status" class={state?.bad ? "bad" : undefined}>
        {state?.text}
      </p>

      <h3>{t.preview}</h3>
      <Preview query={refusal === null && settled !== null ? filters(selection).toString() : null} reachable={reachable} />
      <Summed query={filters(selection).toString()} palette={palette} usable={refusal === null} />
    </form>
  );
};

const NEAR_KM = 10;

/** A value once it has not changed for a moment; `null` until then. */
const useSettled = (value: string): string | null => {
  const [settled, setSettled] = useState<string | null>(null);
  useEffect(() => {
    setSettled(null);
    const timer = setTimeout(() => setSettled(value), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
};

const curl = (query: string) =>
  `curl --fail --remote-name --remote-header-name '${location.origin}/api/query?${query.replaceAll("'", "%27")}'`;

const Copy = ({ label, text }: { label: string; text: () => string }) => {
  const { t } = useWords();
  const [said, setSaid] = useState<string | null>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setSaid(t.copied);
    } catch {
      setSaid(t.copyFailed);
    }
    setTimeout(() => setSaid(null), 3000);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      <span aria-live="polite">{said ?? label}</span>
    </button>
  );
};

const Summed = ({ query, palette, usable }: { query: string; palette: Palette; usable: boolean }) => {
  const { t, moment } = useWords();
  const [sum, setSum] = useState<Tally | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    setSum(null);
    setFailure(null);
  }, [query]);
  const load = async () => {
    setAsking(true);
    try {
      setSum(await tally(new URLSearchParams(query)));
    } catch (error) {
      setFailure(reasonOf(error, t));
    } finally {
      setAsking(false);
    }
  };
  return (
    <section>
      <h3>{t.summed}</h3>
      {sum === null ? (
        <p class="actions">
          <button type="button" disabled={asking || !usable} onClick={() => void load()}>
            {asking ? t.loading : t.sumUp}
          </button>
        </p>
      ) : (
        <>
          {!sum.complete && sum.countedUntil && <p class="note">{t.summedPart(moment(sum.countedUntil))}</p>}
          <LeftOut count={sum.leftOutReadings} reasons={sum.leftOut} say={t.leftOutReadings} />
          <Histogram counts={byNumber && sum.indices !== null ? sum.indices : sum.bands.map(({ readings }) => readings)} caption={t.histogram} palette={palette} />
          <Ranking countries={sum.countries} palette={palette} />
        </>
      )}
      {failure && <p class="bad" role="alert">{failure}</p>}
    </section>
  );
};

type State = { text: string; bad: boolean };

/** Fetches the file, or follows the job that it became. */
const fetchFile = async (
  query: string,
  large: boolean,
  onJob: () => void,
  { t, bytes }: ReturnType<typeof useWords>,
  say: (state: State) => void,
): Promise<State> => {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (large) headers.Prefer = "respond-async";
  const answer = await ask(`/api/query?${query}`, { headers });
  if (answer.status === 202) {
    const job = (await answer.json()) as { id: string };
    add(job.id, query);
    onJob();
    return { text: large ? t.asJob : t.busyJob, bad: false };
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  let told = 0;
  const reader = answer.body!.getReader();
  for (;;) {
    // A transfer that breaks off throws here: nothing cut is ever saved.
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    received += value.length;
    if (Date.now() - told > 200) {
      told = Date.now();
      say({ text: t.receiving(bytes(received)), bad: false });
    }
  }
  const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  const name = named?.[1] ?? "airshed.csv";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: answer.headers.get("Content-Type") ?? "" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return { text: t.received(name, bytes(received)), bad: false };
};

/** Single columns. Their names are those of the files, whatever the page's language. */
const Columns = ({ chosen, onChange }: { chosen: string[]; onChange: (columns: string[]) => void }) => {
  const { t } = useWords();
  const shown = chosen.length === 0 ? USUAL_COLUMNS : chosen;
  return (
    <details>
      <summary>{t.chooseColumns(shown.length, ALL_COLUMNS.length)}</summary>
      <div class="columns">
        {COLUMNS.map(({ name, about }) => (
          <label key={name} class="choice" title={about}>
            <input
              type="checkbox"
              data-column={name}
              checked={shown.includes(name)}
              disabled={shown.length === 1 && shown.includes(name)}
              onChange={() => onChange(toggled(chosen, name))}
            />
            {name}
          </label>
        ))}
      </div>
    </details>
  );
};
