// The base map: countries of Natural Earth, drawn here, so that no tile server is asked.

import codes from "i18n-iso-countries/codes.json";
import { feature } from "topojson-client";
import type { Topology, GeometryCollection } from "topojson-specification";
import coarseFile from "world-atlas/countries-110m.json?url";
import fineFile from "world-atlas/countries-50m.json?url";
import { mercatorX, mercatorY } from "./frame";

interface Ring {
  /** x, y, x, y …, on the Mercator square. */
  points: Float64Array;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

interface Land {
  /** ISO 3166 alpha-2, where there is one. */
  code: string | null;
  name: string;
  rings: Ring[];
  /** The middle of the largest ring, and how wide that is. */
  label: { x: number; y: number; width: number };
}

export type World = Land[];

const ALPHA2 = new Map(codes.map((row) => [row[2], row[0]] as [string, string]));

const ringOf = (positions: number[][]): Ring => {
  const points = new Float64Array(positions.length * 2);
  const ring = { points, left: 1, right: 0, top: 1, bottom: 0 };
  positions.forEach(([longitude, latitude], n) => {
    const [x, y] = [mercatorX(longitude!), mercatorY(latitude!)];
    points[2 * n] = x;
    points[2 * n + 1] = y;
    ring.left = Math.min(ring.left, x);
    ring.right = Math.max(ring.right, x);
    ring.top = Math.min(ring.top, y);
    ring.bottom = Math.max(ring.bottom, y);
  });
  return ring;
};

/** The centroid of a polygon's outline (the shoelace formula). */
const middle = ({ points, left, right, top, bottom }: Ring) => {
  let [area, x, y] = [0, 0, 0];
  for (let n = 0; n + 3 < points.length; n += 2) {
    const [ax, ay, bx, by] = [points[n]!, points[n + 1]!, points[n + 2]!, points[n + 3]!];
    const cross = ax * by - bx * ay;
    area += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  }
  const width = right - left;
  if (area === 0) return { x: (left + right) / 2, y: (top + bottom) / 2, width };
  return { x: x / (3 * area), y: y / (3 * area), width };
};

const size = (ring: Ring) => (ring.right - ring.left) * (ring.bottom - ring.top);

const load = async (file: string): Promise<World> => {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const topology = (await answer.json()) as Topology;
  const countries = topology.objects.countries as GeometryCollection<{ name: string }>;
  return feature(topology, countries).features.flatMap(({ id, geometry, properties }) => {
    const polygons =
      geometry.type === "Polygon"
        ? [geometry.coordinates]
        : geometry.type === "MultiPolygon"
          ? geometry.coordinates
          : [];
    const outlines = polygons.map((polygon) => ringOf(polygon[0]!));
    const largest = outlines.reduce((a, b) => (size(b) > size(a) ? b : a), outlines[0]!);
    if (!largest) return [];
    const rings = polygons.flatMap((polygon) => polygon.map(ringOf));
    const code = ALPHA2.get(String(id).padStart(3, "0")) ?? null;
    return [{ code, name: properties.name, rings, label: middle(largest) }];
  });
};

const kept = new Map<string, Promise<World>>();

/** The countries, coarse or fine; each is loaded once. */
export const world = (fine: boolean): Promise<World> => {
  const file = fine ? fineFile : coarseFile;
  const loading = kept.get(file) ?? load(file);
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

/** Points that fall on the pixel of the one before are left out. */
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
