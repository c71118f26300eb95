// Statistics of many readings: the distribution of the index, and the ranking of countries.

import { useMemo, useState } from "preact/hooks";
import type { Frame, View } from "../map/frame";
import { reasonsOf, within } from "../map/frame";
import { byNumber, colourOf, type Palette, scale, stepOf } from "../index-scale";
import { useWords } from "../texts";
import { Finder } from "./finder";
import type { SensorId } from "../sensor-id";
import type { Shown } from "../shown";

/** The number of readings for each step of the scale. */
export const Histogram = (props: { counts: number[]; caption: string; palette: Palette }) => {
  const { counts, caption, palette } = props;
  const { t, number, band } = useWords();
  const most = Math.max(1, ...counts);
  return (
    <table class="histogram">
      <caption>{caption}</caption>
      <thead class="hidden">
        <tr>
          <th scope="col">{t.indexColumn}</th>
          <th scope="col">{t.countColumn}</th>
        </tr>
      </thead>
      <tbody>
        {scale.steps.map((step, n) => {
          const count = counts[n] ?? 0;
          const [fill, ink] = step[palette];
          return (
            <tr key={step.from}>
              <th scope="row" title={band(step)} style={{ background: fill, color: ink }}>
                {byNumber ? step.from : band(step)}
              </th>
              <td>
                {count > 0 && <span class="bar" style={{ width: `${(count / most) * 70}%`, background: fill }} />}{" "}
                {number(count)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
};

export interface Ranked {
  country: string | null;
  sensors: number;
  medianAqi: number | null;
  medianP2: number | null;
}

const FEWEST_SENSORS = 5;
const SHOWN = 10;

/** Sorted by the median index, then by the median of PM2.5. */
export const Ranking = ({ countries, palette }: { countries: Ranked[]; palette: Palette }) => {
  const { t, number, country } = useWords();
  const [all, setAll] = useState(false);
  const ranked = countries
    .filter((row) => row.medianAqi !== null && row.sensors >= FEWEST_SENSORS)
    .sort((a, b) => b.medianAqi! - a.medianAqi! || (b.medianP2 ?? 0) - (a.medianP2 ?? 0));
  const shown = all ? ranked : ranked.slice(0, SHOWN);
  if (ranked.length === 0) return null;
  return (
    <>
      <table class="ranking">
        <caption>{t.ranking}</caption>
        <thead>
          <tr>
            <th scope="col">{t.country}</th>
            <th scope="col">{t.medianIndex}</th>
            <th scope="col">{t.medianPm25}</th>
            <th scope="col">{t.sensors}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => {
            const [fill, ink] = colourOf(Math.max(scale.low, Math.floor(row.medianAqi!)), palette);
            return (
              <tr key={row.country}>
                <th scope="row">{country(row.country)}</th>
                <td>
                  <span class="pill" style={{ background: fill, color: ink }}>
                    {number(row.medianAqi!, 1)}
                  </span>
                </td>
                <td>{row.medianP2 === null ? "–" : number(row.medianP2, 1)}</td>
                <td>{number(row.sensors)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="note">
        {t.rankingNote(FEWEST_SENSORS)}{" "}
        {ranked.length > SHOWN && (
          <button type="button" class="link" onClick={() => setAll(!all)}>
            {all ? t.showFewer : t.showAll}
          </button>
        )}
      </p>
    </>
  );
};

/** The readings excluded from means and medians, with the reasons; empty if there are none. */
export const LeftOut = (props: { count: number; reasons: Record<string, number>; say: (count: string, reasons: string) => string }) => {
  const { t, number } = useWords();
  if (props.count === 0) return null;
  const reasons = Object.entries(props.reasons).map(([reason, count]) => `${number(count)} ${t.leftOutAs[reason] ?? reason}`);
  return <p class="note left-out">{props.say(number(props.count), reasons.join(", "))}</p>;
};

interface Props {
  shown: Shown;
  view: View | null;
  palette: Palette;
  onChoose: (sensor: SensorId) => void;
}

const HIGHEST = 8;

export const Overview = ({ shown: { frame, failed, asOf }, view, palette, onChoose }: Props) => {
  const { t, number, moment } = useWords();
  const seen = useMemo(() => (frame && view ? summed(frame, within(frame, view)) : null), [frame, view]);
  if (!frame || !seen) return <p class="note" role="status">{failed ? t.overviewFailed : t.loading}</p>;
  const unplaced = frame.x.filter(Number.isNaN).length;
  return (
    <div class="view">
      <h2>{t.inViewHeading}</h2>
      {asOf !== null && <p class="as-of"><strong>{t.asOf(moment(asOf))}</strong></p>}
      <p role="status">
        {seen.sensors > 0
          ? t.inView(number(seen.sensors))
          : frame.length === 0
            ? t.noneReported
            : unplaced === frame.length
              ? t.noPlaces(number(frame.length))
              : t.noneInView}
      </p>
      {unplaced > 0 && unplaced < frame.length && <p class="note">{t.unplaced(number(unplaced))}</p>}
      <LeftOut count={seen.leftOut} reasons={seen.reasons} say={t.leftOutSensors} />
      {seen.highest.length > 0 && (
        <>
          <h3>{t.highest}</h3>
          <ul class="highest">
            {seen.highest.map((n) => {
              const index = frame.index[n]!;
              const [fill, ink] = colourOf(index, palette);
              return (
                <li key={frame.ids[n]}>
                  <button type="button" onClick={() => onChoose(frame.ids[n]!)}>
                    <span class="pill" style={{ background: fill, color: ink }}>
                      {index}
                    </span>{" "}
                    {frame.ids[n]}
                  </button>
                </li>
              );
            })}
          </ul>
        </>
      )}
      <Finder onFind={onChoose} />
      {seen.counts.some((count) => count > 0) && (
        <Histogram counts={seen.counts} caption={t.histogramSensors} palette={palette} />
      )}
      <Ranking countries={seen.countries} palette={palette} />
    </div>
  );
};

/** Excluded sensors are counted, and appear nowhere else. */
const summed = (frame: Frame, sensors: number[]) => {
  const counts = new Array<number>(scale.steps.length).fill(0);
  const reasons: Record<string, number> = {};
  const countries = new Map<string | null, number[]>();
  let leftOut = 0;
  for (const n of sensors) {
    if (frame.leftOut[n]) {
      leftOut += 1;
      for (const reason of reasonsOf(frame, n)) reasons[reason] = (reasons[reason] ?? 0) + 1;
    } else if (frame.index[n]! >= 0) {
      counts[stepOf(frame.index[n]!)]! += 1;
      const country = frame.countries[frame.country[n]!] ?? null;
      const others = countries.get(country);
      if (others) others.push(n);
      else countries.set(country, [n]);
    }
  }
  const rank = (n: number) => frame.index[n]! * 1e6 + (frame.pm25[n] || 0);
  const highest = sensors.filter((n) => frame.index[n]! >= 0 && !frame.leftOut[n]);
  highest.sort((a, b) => rank(b) - rank(a));
  return {
    sensors: sensors.length,
    counts,
    leftOut,
    reasons,
    highest: highest.slice(0, HIGHEST),
    countries: [...countries].map(([country, sensors]): Ranked => ({
      country,
      sensors: sensors.length,
      medianAqi: middle(sensors.map((n) => frame.index[n]!)),
      medianP2: middle(sensors.map((n) => frame.pm25[n]!).filter((value) => !Number.isNaN(value))),
    })),
  };
};

/** The median, as computed by the server: the mean of the two middle values for an even number. */
const middle = (values: number[]): number | null => {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2;
};
