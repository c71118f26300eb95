// The countries of Natural Earth as rings on the Mercator square, converted from world-atlas by a
// worker.

import codes from "i18n-iso-countries/codes.json";
import { feature } from "topojson-client";
import type { Topology, GeometryCollection } from "topojson-specification";
import { mercatorX, mercatorY } from "./frame";

export interface Ring {
  /** x, y, x, y …, on the Mercator square. */
  points: Float64Array;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Land {
  /** ISO 3166 alpha-2, if any. */
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

export const landsOf = (topology: Topology): World => {
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
