// The base map: countries of Natural Earth, drawn by the page, without a tile server.

import coarseFile from "world-atlas/countries-110m.json?url";
import fineFile from "world-atlas/countries-50m.json?url";
import { work } from "../work";
import type { Land, Ring, World } from "./lands";

const kept = new Map<string, Promise<World>>();

/** The countries, coarse or fine; each is loaded once. */
export const world = (fine: boolean): Promise<World> => {
  const file = fine ? fineFile : coarseFile;
  const loading = kept.get(file) ?? work<World>({ task: "world", file });
  kept.set(file, loading);
  loading.catch(() => kept.delete(file));
  return loading;
};

export interface Inks {
  sea: string;
  land: string;
  border: string;
  label: string;
  halo: string;
}

export interface Window {
  /** Pixels of the Mercator square's side. */
  scale: number;
  /** The square's pixel at the canvas' corner. */
  left: number;
  top: number;
  width: number;
  height: number;
}

export const paintWorld = (
  context: CanvasRenderingContext2D,
  world: World,
  window: Window,
  inks: Inks,
  nameOf: (land: Land) => string,
) => {
  const { scale, left, top, width, height } = window;
  context.fillStyle = inks.sea;
  context.fillRect(0, 0, width, height);
  context.fillStyle = inks.land;
  context.strokeStyle = inks.border;
  context.lineWidth = 0.8;
  context.lineJoin = "round";
  const visible = (ring: Ring) =>
    ring.right * scale > left &&
    ring.left * scale < left + width &&
    ring.bottom * scale > top &&
    ring.top * scale < top + height;
  for (const land of world) {
    const rings = land.rings.filter(visible);
    if (rings.length === 0) continue;
    context.beginPath();
    for (const { points } of rings) trace(context, points, window);
    context.fill("evenodd");
    context.stroke();
  }
  context.font = "600 11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = inks.halo;
  context.fillStyle = inks.label;
  for (const land of world) {
    const [x, y] = [land.label.x * scale - left, land.label.y * scale - top];
    if (x < 0 || y < 0 || x > width || y > height) continue;
    const name = nameOf(land);
    if (context.measureText(name).width > land.label.width * scale * 0.8) continue;
    context.strokeText(name, x, y);
    context.fillText(name, x, y);
  }
};

/** Points on the same pixel as the previous one are skipped. */
const trace = (context: CanvasRenderingContext2D, points: Float64Array, window: Window) => {
  const { scale, left, top } = window;
  let [lastX, lastY] = [Number.NaN, Number.NaN];
  for (let n = 0; n < points.length; n += 2) {
    const [x, y] = [points[n]! * scale - left, points[n + 1]! * scale - top];
    if (n === 0) {
      context.moveTo(x, y);
    } else if (Math.abs(x - lastX) + Math.abs(y - lastY) < 1) {
      continue;
    } else {
      context.lineTo(x, y);
    }
    [lastX, lastY] = [x, y];
  }
  context.closePath();
};
