// The marks on the map: single sensors, or several sensors of one cell.

import { colourOf, type Palette } from "../index-scale";
import type { Frame } from "./frame";
import type { Window } from "./world";
import type { SensorId } from "../sensor-id";

export interface Mark {
  /** Pixels from the canvas' corner. */
  x: number;
  y: number;
  radius: number;
  /** Numbers in the frame. */
  sensors: number[];
  /** The median index of the included sensors; `null` if there are none. */
  index: number | null;
}

/** The side of a cell in pixels. Cells are fixed on the Mercator square, so that they are stable while the map is moved. */
const CELL = 46;

/** Zoom level from which every sensor has its own mark. */
const SINGLE_FROM_ZOOM = 12;

export const marksOf = (frame: Frame, window: Window, zoom: number, chosen: SensorId | null): Mark[] => {
  const { scale, left, top, width, height } = window;
  const cells = new Map<number, number[]>();
  const single = zoom >= SINGLE_FROM_ZOOM;
  for (let n = 0; n < frame.length; n += 1) {
    const [x, y] = [frame.x[n]! * scale, frame.y[n]! * scale];
    if (!(x >= left - CELL && x < left + width + CELL)) continue;
    if (!(y >= top - CELL && y < top + height + CELL)) continue;
    const key = single ? n : Math.floor(x / CELL) * 1e7 + Math.floor(y / CELL);
    const cell = cells.get(key);
    if (cell) cell.push(n);
    else cells.set(key, [n]);
  }
  const marks = [...cells.values()].map((sensors): Mark => {
    let [x, y] = [0, 0];
    for (const n of sensors) {
      x += frame.x[n]!;
      y += frame.y[n]!;
    }
    x = (x / sensors.length) * scale - left;
    y = (y / sensors.length) * scale - top;
    const index = median(frame, sensors);
    const usual = sensors.length === 1 ? 9 : Math.min(21, 10 + 3.4 * Math.log10(sensors.length));
    // The number has to fit.
    const radius = Math.max(usual, index === null ? 0 : 3 + 3.2 * String(index).length);
    return { x, y, radius, sensors, index };
  });
  // The selected and the worst ones last, so that they are on top.
  const rank = (mark: Mark) => (mark.sensors.some((n) => frame.ids[n] === chosen) ? Infinity : (mark.index ?? -1));
  return marks.sort((a, b) => rank(a) - rank(b));
};

/** The lower of the two middle values for an even number. */
export const median = (frame: Frame, sensors: number[]): number | null => {
  if (room.length < sensors.length) room = new Int32Array(sensors.length * 2);
  let count = 0;
  for (const n of sensors) {
    const index = frame.index[n]!;
    if (index >= 0 && frame.leftOut[n] === 0) {
      room[count] = index;
      count += 1;
    }
  }
  if (count === 0) return null;
  return room.subarray(0, count).sort()[(count - 1) >> 1]!;
};

/** For the indices of a cell, which are many cells at each move of the map. */
let room = new Int32Array(256);

export const paintMarks = (
  context: CanvasRenderingContext2D,
  marks: Mark[],
  frame: Frame,
  palette: Palette,
  dark: boolean,
  chosen: SensorId | null,
) => {
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const mark of marks) {
    const [fill, ink] = colourOf(mark.index, palette);
    const only = mark.sensors.length === 1 ? mark.sensors[0]! : null;
    const silent = only !== null && frame.ageHours[only]! > 6;
    context.globalAlpha = silent ? 0.55 : 1;
    context.beginPath();
    if (only !== null && frame.indoor[only]) {
      const side = mark.radius * 0.9;
      context.roundRect(mark.x - side, mark.y - side, 2 * side, 2 * side, 3);
    } else {
      context.arc(mark.x, mark.y, mark.radius, 0, 2 * Math.PI);
    }
    context.fillStyle = fill;
    context.fill();
    const doubtful = only !== null && frame.leftOut[only] !== 0 && !frame.indoor[only];
    context.setLineDash(doubtful ? [3, 2] : []);
    context.lineWidth = only === null || doubtful ? 2 : 1.2;
    context.strokeStyle = dark ? "#0b1114" : "#26343a";
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    context.fillStyle = ink;
    context.font = `700 ${only === null ? 13 : 11}px system-ui, sans-serif`;
    context.fillText(mark.index === null ? "–" : String(mark.index), mark.x, mark.y + 0.5);
    if (mark.sensors.some((n) => frame.ids[n] === chosen)) paintRing(context, mark, mark.radius, dark);
  }
};

/** Around what was chosen; also where the map has no mark for it. */
export const paintRing = (
  context: CanvasRenderingContext2D,
  { x, y }: { x: number; y: number },
  radius: number,
  dark: boolean,
) => {
  context.beginPath();
  context.arc(x, y, radius + 4, 0, 2 * Math.PI);
  context.lineWidth = 3;
  context.strokeStyle = dark ? "#ffffff" : "#000000";
  context.stroke();
};

/** The topmost mark at a place. */
export const markAt = (marks: Mark[], x: number, y: number): Mark | null =>
  marks.findLast((mark) => Math.hypot(mark.x - x, mark.y - y) <= mark.radius + 4) ?? null;
