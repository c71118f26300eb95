// Lines over time, with the bands of the index behind them.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { BANDS, byNumber, type Palette, scale } from "../index-scale";
import { useWords } from "../texts";
import { localMinute, ZONE } from "../zone";

export interface Line {
  label: string;
  values: (number | null)[];
  /** Light and dark. */
  colour: [string, string];
  dash?: number[];
  /** Values are constant until the next one. */
  stepped?: boolean;
}

interface Props {
  label: string;
  unit: string;
  times: number[];
  lines: Line[];
  dark: boolean;
  palette: Palette;
  /** Whether the values are index values, with shaded bands. */
  banded: boolean;
}

const HEIGHT = 190;

/** Seconds, on each side of a single reading. */
const HALF_A_DAY = 43_200;

export const Chart = ({ label, unit, times, lines, dark, palette, banded }: Props) => {
  const { language, number } = useWords();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current!;
    const ink = dark ? "#c7d2d7" : "#33424a";
    const grid = { stroke: dark ? "#37454c" : "#dde4e7", width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui" };
    const gap = typicalGap(times);
    const chart = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: HEIGHT,
        tzDate: (seconds) => new Date(seconds * 1000),
        legend: { live: true },
        cursor: { drag: { x: false, y: false } },
        scales: {
          x: { time: true, range: (_self, first, last) => (times.length > 1 ? [first, last] : [first - HALF_A_DAY, first + HALF_A_DAY]) },
          y: banded
            ? { range: (_self, _low, high) => indexRange(high) }
            : { range: (_self, low, high) => [Math.min(0, low ?? 0), Math.max(5, (high ?? 5) * 1.08)] },
        },
        axes: [
          { ...axis, values: axisTimes(language) },
          { ...axis, size: (_self, labels) => 18 + 7.5 * Math.max(2, ...(labels ?? []).map((label) => label.length)), ...(banded && byNumber && { splits: (self: uPlot) => indexSplits(self.scales.y!.max ?? 0) }), values: (_self, splits) => splits.map((value) => number(value, 1)) },
        ],
        series: [
          { label: ZONE, value: (_self, seconds) => (seconds === null ? "–" : localMinute(seconds * 1000).replace("T", " ")) },
          ...lines.map((line): uPlot.Series => ({
            label: line.label,
            stroke: line.colour[dark ? 1 : 0],
            width: 2,
            dash: line.dash,
            paths: line.stepped ? uPlot.paths.stepped!({ align: 1 }) : undefined,
            points: { show: times.length < 60, size: 5 },
            // Missing readings are gaps in the line.
            gaps: (_self, _series, first, last, gaps) => [...gaps, ...silences(chart, times, first, last, gap)],
            value: (_self, value) => (value === null ? "–" : `${number(value, 1)}${unit && ` ${unit}`}`),
          })),
        ],
        hooks: banded ? { drawClear: [(chart) => shade(chart, palette, dark)] } : {},
      },
      [times, ...lines.map((line) => line.values)] as uPlot.AlignedData,
      element,
    );
    chart.root.querySelector("canvas")?.setAttribute("aria-hidden", "true");
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0) chart.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      chart.destroy();
    };
  }, [times, lines, dark, palette, banded, language]);
  return <div class="chart" ref={box} role="img" aria-label={label} />;
};

/** The day at midnight, otherwise the time. */
const axisTimes = (language: string) => {
  const days = new Intl.DateTimeFormat(language, { timeZone: ZONE, day: "numeric", month: "short" });
  return (_self: uPlot, splits: number[]) =>
    splits.map((seconds) => {
      const time = localMinute(seconds * 1000).slice(11);
      return time === "00:00" ? days.format(new Date(seconds * 1000)) : time;
    });
};

/** The median of the seconds between two readings. */
export const typicalGap = (times: number[]): number => {
  const gaps = times.slice(1).map((time, n) => time - times[n]!);
  gaps.sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? 0;
};

const silences = (chart: uPlot, times: number[], first: number, last: number, gap: number) => {
  const found: uPlot.Series.Gaps = [];
  for (let n = first; n < last; n += 1) {
    if (times[n + 1]! - times[n]! > 3 * gap) {
      const pixel = (time: number) => Math.round(chart.valToPos(time, "x", true));
      found.push([pixel(times[n]!), pixel(times[n + 1]!)]);
    }
  }
  return found;
};

/** The complete range of a short scale; for a long one, up to the end of the highest band reached. */
const indexRange = (high: number | null): [number, number] => {
  if (byNumber) return [scale.low - 0.5, scale.high! + 0.5];
  const reached = BANDS.find(({ last }) => last !== null && last >= (high ?? 0));
  return [scale.low - 0.5, (reached?.last ?? (high ?? 0) * 1.08) + 0.5];
};

/** The lower bounds of bands, and the end of a short scale. */
const indexSplits = (most: number): number[] =>
  BANDS.map(({ first }) => first).filter((first) => first <= most);

const shade = (chart: uPlot, palette: Palette, dark: boolean) => {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.globalAlpha = dark ? 0.3 : 0.28;
  const most = chart.scales.y!.max ?? 0;
  for (const { first, last, steps } of BANDS) {
    if (first - 0.5 >= most) break;
    const bottom = chart.valToPos(first - 0.5, "y", true);
    const top = chart.valToPos(Math.min(most, (last ?? most) + 0.5), "y", true);
    ctx.fillStyle = steps[steps.length - 1]![palette][0];
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  }
  ctx.restore();
};
