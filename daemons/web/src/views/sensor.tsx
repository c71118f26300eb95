// One sensor: its readings over time, and what they mean.

import { useEffect, useMemo, useState } from "preact/hooks";
import { isAborted, Refusal, type Series, series } from "../api";
import { colourOf, type Palette, scale } from "../index-scale";
import type { Located } from "../map/place";
import { useNow } from "../readings";
import { reasonOf, useWords } from "../texts";
import { Chart, typicalGap } from "./chart";
import { Finder } from "./finder";
import type { SensorId } from "../sensor-id";
import { localMinute, ZONE } from "../zone";

export interface SensorProps {
  sensor: SensorId | null;
  /** The reference time of the time range, in milliseconds; `null` while unknown. */
  newest: number | null;
  /** The past time that is shown instead of the newest readings. */
  moment: number | null;
  /** All readings are too old to describe the current air quality. */
  stale: boolean;
  reachable: boolean;
  palette: Palette;
  dark: boolean;
  onFind: (sensor: SensorId) => void;
  /** The sensor's location; `null` if unknown. */
  onLocated: (found: Located | null) => void;
}

/** A series, and the time of its arrival. */
type Dated = Series & { since: number };

const HOUR = 3_600_000;
const SPANS = { day: 24 * HOUR, week: 7 * 24 * HOUR, month: 30 * 24 * HOUR, all: Infinity };
type Span = keyof typeof SPANS;

/** More than a chart has pixels; a week of five-minute readings has 2,016. */
const POINTS = 2_500;

export const SensorView = (props: SensorProps) => {
  const { sensor, newest, moment, stale, reachable, palette, dark, onFind, onLocated } = props;
  const { t } = useWords();
  const [span, setSpan] = useState<Span>("week");
  const [known, setKnown] = useState<Dated | "none" | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const query = sensor === null || newest === null ? null : ask(sensor, newest, moment, span);
  const asked = query?.toString();

  useEffect(() => {
    if (!query) return;
    const control = new AbortController();
    setProblem(null);
    series(query, control.signal).then(
      (series) => {
        setKnown({ ...series, since: Date.now() });
        onLocated(locatedOf(series));
      },
      (error: unknown) => {
        if (isAborted(error)) return;
        if (error instanceof Refusal && error.status === 404) {
          setKnown("none");
          onLocated(null);
        } else {
          setProblem(error);
        }
      },
    );
    return () => control.abort();
  }, [asked, reachable]);
  useEffect(() => setKnown(null), [sensor, moment]);

  return (
    <div class="view sensor">
      <Finder onFind={onFind} />
      {sensor === null && <p class="note">{t.sensorNone}</p>}
      {sensor !== null && (
        <>
          <div class="row">
            <h2>{t.sensor(String(sensor))}</h2>
            <label>
              {t.span}{" "}
              <select value={span} onChange={(event) => setSpan(event.currentTarget.value as Span)}>
                {(Object.keys(SPANS) as Span[]).map((name) => (
                  <option key={name} value={name}>
                    {t.spans[name]}
                  </option>
                ))}
              </select>
            </label>
          </div>
          {problem !== null && <p class="bad" role="alert">{t.seriesFailed(reasonOf(problem, t))}</p>}
          {known === null && problem === null && <p class="note" role="status">{t.loading}</p>}
          {known === "none" && <p class="note" role="status">{t.sensorUnknown}</p>}
          {known !== null && known !== "none" && (
            <Found series={known} moment={moment} stale={stale} palette={palette} dark={dark} />
          )}
        </>
      )}
    </div>
  );
};

/** Up to the shown time; otherwise up to the last reading, which may be later than that of most sensors. */
const ask = (sensor: SensorId, newest: number, moment: number | null, span: Span): URLSearchParams => {
  const from = Math.max(0, (moment ?? newest) - SPANS[span]);
  const startDate = new Date(from).toISOString();
  const query = new URLSearchParams({ sensor: String(sensor), startDate, points: String(POINTS) });
  if (moment !== null) query.set("endDate", new Date(moment).toISOString());
  return query;
};

const locatedOf = ({ sensor, location: { latitude, longitude } }: Series): Located => ({
  sensor,
  place: latitude === null || longitude === null ? null : [latitude, longitude],
});

interface FoundProps {
  series: Dated;
  moment: number | null;
  stale: boolean;
  palette: Palette;
  dark: boolean;
}

const Found = ({ series: s, moment: past, stale, palette, dark }: FoundProps) => {
  const words = useWords();
  const { t, number } = words;
  const concentrations = useMemo(
    () => [
      { label: "PM10", values: s.P1, colour: ["#8a4b08", "#f0b36b"] as [string, string] },
      { label: "PM2.5", values: s.P2, colour: ["#0b5a8c", "#7cc4f2"] as [string, string], dash: [7, 4] },
    ],
    [s],
  );
  const indices = useMemo(
    () => [{ label: t.index, values: s.AQI, colour: ["#1b2529", "#f2f6f8"] as [string, string], stepped: true }],
    [s, t],
  );
  const download = new URLSearchParams({
    sensor: String(s.sensor),
    startDate: s.from,
    endDate: s.until,
    columns: "all",
  });
  const value = (value: number | null | undefined) => (typeof value === "number" ? number(value, 1) : "–");
  return (
    <>
      <Newest series={s} past={past !== null} stale={stale} palette={palette} />
      <Chart label={t.concentrations} unit="µg/m³" times={s.timestamp} lines={concentrations} dark={dark} palette={palette} banded={false} />
      <Chart label={t.indexOverTime} unit="" times={s.timestamp} lines={indices} dark={dark} palette={palette} banded={true} />
      {s.intervalSeconds !== null && <p class="note">{t.seriesThinned(words.span(s.intervalSeconds))}</p>}
      <Facts series={s} />
      <p>
        <a class="button" href={`api/query?${download}`} download>
          {t.downloadSeries}
        </a>
      </p>
      <details>
        <summary>{t.values}</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={t.values}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t.time(ZONE)}</th>
                <th scope="col">PM10</th>
                <th scope="col">PM2.5</th>
                <th scope="col">{t.index}</th>
              </tr>
            </thead>
            <tbody>
              {s.timestamp
                .map((time, n) => (
                  <tr key={time}>
                    <td>{localMinute(time * 1000).replace("T", " ")}</td>
                    <td>{value(s.P1[n])}</td>
                    <td>{value(s.P2[n])}</td>
                    <td>{s.AQI[n] ?? "–"}</td>
                  </tr>
                ))
                .slice(-ROWS_SHOWN)
                .reverse()}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
};

const ROWS_SHOWN = 500;

interface NewestProps {
  series: Dated;
  past: boolean;
  stale: boolean;
  palette: Palette;
}

/** The newest reading: its rating, or why it has none. */
const Newest = ({ series: s, past, stale, palette }: NewestProps) => {
  const { t, number, moment, span, band, advice } = useWords();
  const now = useNow(10_000);
  const when = moment(s.newest.timestamp * 1000);
  const age = span(s.ageSeconds + Math.max(0, now - s.since) / 1000);
  const silent = s.leftOut.includes("silent");
  const old = silent || (!past && (s.old || stale));
  const doubts = s.leftOut.filter((reason) => reason !== "silent");
  const index = doubts.length === 0 && !old ? s.newest.AQI : null;
  const [fill, ink] = colourOf(index, palette);
  const value = (value: number | null | undefined) => (typeof value === "number" ? number(value, 1) : "–");
  return (
    <>
      <section aria-label={past ? t.readingThen : t.newestReading} class="newest">
        <p class="badge" style={{ background: fill, color: ink }}>
          <strong>{index ?? "–"}</strong> {index === null ? t.noVerdict : band(index)}
        </p>
        <p>
          PM10 <strong>{value(s.newest.P1)}</strong> · PM2.5 <strong>{value(s.newest.P2)}</strong> µg/m³
          <br />
          <span class="note">{when}</span>
        </p>
      </section>
      <section class="meaning">
        {doubts.map((reason) => (
          <p key={reason}>{t.noVerdictAs[reason] ?? reason}</p>
        ))}
        {old && <p>{past ? t.lastHeardThen(when) : t.lastHeard(age, when)}</p>}
        {past && <p>{t.readingThenNote}</p>}
        {index !== null && !past && advice(index) !== null && (
          <>
            <h3>{t.advice}</h3>
            <p>
              {advice(index)}{" "}
              {scale.advice && (
                <a href={scale.advice} rel="noreferrer">
                  {t.advicePage}
                </a>
              )}
            </p>
          </>
        )}
        {index !== null && <p class="note">{t.pmOnly}</p>}
      </section>
    </>
  );
};

const Facts = ({ series: s }: { series: Series }) => {
  const words = useWords();
  const { t, number, percent, span, country } = words;
  const { latitude, longitude, altitude, exact } = s.location;
  const gap = typicalGap(s.timestamp);
  const first = s.timestamp[0]!;
  const last = s.timestamp[s.timestamp.length - 1]!;
  const expected = gap > 0 ? Math.round((last - first) / gap) + 1 : 1;
  const have = Math.min(s.timestamp.length, expected);
  return (
    <dl class="facts">
      {s.dominant.length > 0 && (
        <>
          <dt>{t.dominant}</dt>
          <dd>{s.dominant.length > 1 ? t.both : s.dominant[0]}</dd>
        </>
      )}
      {s.intervalSeconds === null && (
        <>
          <dt>{t.completeness}</dt>
          <dd>
            {gap > 0
              ? t.complete(percent(have / expected), number(have), number(expected), span(gap))
              : t.completeOne}
          </dd>
        </>
      )}
      <dt>{t.place}</dt>
      <dd>
        {country(s.location.country)}
        {latitude !== null && longitude !== null && (
          <>
            {", "}
            {number(latitude, 5)}, {number(longitude, 5)}
            {exact !== null && ` (${exact ? t.exact : t.rounded})`}
          </>
        )}
        {altitude !== null && `, ${t.altitude(number(altitude))}`}
        {s.location.indoor && `, ${t.indoor}`}
      </dd>
      {s.sensorType && (
        <>
          <dt>{t.kind}</dt>
          <dd>{s.sensorType}</dd>
        </>
      )}
      <dt>{t.window}</dt>
      <dd>
        {t.windows[s.window] ?? s.window}
        {s.basis === "indicative" && `. ${t.indicative}`}
      </dd>
      {s.flags.length > 0 && (
        <>
          <dt>{t.doubts}</dt>
          <dd>{s.flags.map((flag) => t.flags[flag] ?? flag).join("; ")}</dd>
        </>
      )}
    </dl>
  );
};
