// What many readings say together: how often each index, and the countries in order.

import { useMemo, useState } from "preact/hooks";
import type { Frame, View } from "../map/frame";
import { within } from "../map/frame";
import { bandOf, colourOf, type Palette } from "../index-scale";
import { useWords } from "../texts";
import { Finder } from "./finder";

export const Histogram = (props: { counts: number[]; caption: string; palette: Palette }) => {
  const { counts, caption, palette } = props;
  const { t, number } = useWords();
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
        {counts.map((count, n) => {
          const [fill, ink] = colourOf(n + 1, palette);
          return (
            <tr key={n}>
              <th scope="row" title={t.bands[bandOf(n + 1)]} style={{ background: fill, color: ink }}>
                {n + 1}
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
  meanAqi: number | null;
  meanP2: number | null;
}

const FEWEST_SENSORS = 5;
const SHOWN = 10;

export const Ranking = ({ countries, palette }: { countries: Ranked[]; palette: Palette }) => {
  const { t, number, country } = useWords();
  const [all, setAll] = useState(false);
  const ranked = countries
    .filter((row) => row.meanAqi !== null && row.sensors >= FEWEST_SENSORS)
    .sort((a, b) => b.meanAqi! - a.meanAqi!);
  const shown = all ? ranked : ranked.slice(0, SHOWN);
  if (ranked.length === 0) return null;
  return (
    <>
      <table class="ranking">
        <caption>{t.ranking}</caption>
        <thead>
          <tr>
            <th scope="col">{t.country}</th>
            <th scope="col">{t.meanIndex}</th>
            <th scope="col">{t.meanPm25}</th>
            <th scope="col">{t.sensors}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => {
            const [fill, ink] = colourOf(Math.max(1, Math.round(row.meanAqi!)), palette);
            return (
              <tr key={row.country}>
                <th scope="row">{country(row.country)}</th>
                <td>
                  <span class="pill" style={{ background: fill, color: ink }}>
                    {number(row.meanAqi!, 1)}
                  </span>
                </td>
                <td>{row.meanP2 === null ? "–" : number(row.meanP2, 1)}</td>
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

interface Props {
  frame: Frame | null;
  view: View | null;
  palette: Palette;
  onChoose: (sensor: number) => void;
}

const HIGHEST = 8;

export const Overview = ({ frame, view, palette, onChoose }: Props) => {
  const { t, number } = useWords();
  const seen = useMemo(() => (frame && view ? summed(frame, within(frame, view)) : null), [frame, view]);
  if (!frame || !seen) return <p class="note" role="status">{t.loading}</p>;
  return (
    <div class="view">
      <h2>{t.inViewHeading}</h2>
      <p role="status">{seen.sensors === 0 ? t.noSensors : t.inView(number(seen.sensors))}</p>
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
      {seen.sensors > 0 && <Histogram counts={seen.counts} caption={t.histogramSensors} palette={palette} />}
      <Ranking countries={seen.countries} palette={palette} />
    </div>
  );
};

const summed = (frame: Frame, sensors: number[]) => {
  const counts = new Array<number>(10).fill(0);
  const countries = new Map<string | null, { sensors: number; index: number; pm25: number; measured: number }>();
  for (const n of sensors) {
    const index = frame.index[n]!;
    if (index === 0) continue;
    counts[index - 1]! += 1;
    const country = frame.countries[frame.country[n]!] ?? null;
    const sum = countries.get(country) ?? { sensors: 0, index: 0, pm25: 0, measured: 0 };
    sum.sensors += 1;
    sum.index += index;
    if (!Number.isNaN(frame.pm25[n]!)) {
      sum.pm25 += frame.pm25[n]!;
      sum.measured += 1;
    }
    countries.set(country, sum);
  }
  const rank = (n: number) => frame.index[n]! * 1e6 + (frame.pm25[n] || 0);
  const highest = sensors.filter((n) => frame.index[n]! > 0 && !frame.indoor[n] && !frame.doubtful[n]);
  highest.sort((a, b) => rank(b) - rank(a));
  return {
    sensors: sensors.length,
    counts,
    highest: highest.slice(0, HIGHEST),
    countries: [...countries].map(([country, sum]): Ranked => ({
      country,
      sensors: sum.sensors,
      meanAqi: sum.index / sum.sensors,
      meanP2: sum.measured > 0 ? sum.pm25 / sum.measured : null,
    })),
  };
};
