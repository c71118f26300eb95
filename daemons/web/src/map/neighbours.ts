// The zoom level for showing a sensor: as close as possible with a handful of neighbours visible.

import type { SensorId } from "../sensor-id";
import { type Frame, mercatorX, mercatorY } from "./frame";

/** The number of neighbours to show, or all if there are fewer. */
const NEIGHBOURS = 5;

const NEAREST_ZOOM = 13;

/** The lowest zoom level: sensors not visible there are not neighbours. */
const FURTHEST_ZOOM = 9;

/** The map's zooms are multiples of this. */
export const ZOOM_STEP = 0.5;

/** Minimum distance in pixels from the map's edge, so that marks are not clipped. */
const MARGIN = 24;

/** The side of the Mercator square at zoom 0, in pixels. */
const SQUARE = 256;

export interface Sought {
  sensor: SensorId;
  at: readonly [latitude: number, longitude: number];
}

/** The nearest zoom at which a map of this size, in pixels, with the sensor at its centre has
 * its neighbours on it. It is 13 where there are none, and never nearer, unless the map is. */
export const zoomAmongNeighbours = (
  frame: Frame | null,
  { sensor, at }: Sought,
  [width, height]: readonly [width: number, height: number],
  present: number,
): number => {
  const nearest = Math.max(NEAREST_ZOOM, present);
  if (frame === null) return nearest;
  const [x, y] = [mercatorX(at[1]), mercatorY(at[0])];
  const [halfWidth, halfHeight] = [width / 2 - MARGIN, height / 2 - MARGIN];
  // The zoom from which on it is off the map, for each that is a neighbour.
  const zooms: number[] = [];
  for (let n = 0; n < frame.length; n += 1) {
    if (frame.ids[n] === sensor) continue;
    const scale = Math.min(halfWidth / Math.abs(frame.x[n]! - x), halfHeight / Math.abs(frame.y[n]! - y));
    const zoom = Math.log2(scale / SQUARE);
    // NaN without a location.
    if (zoom >= FURTHEST_ZOOM) zooms.push(zoom);
  }
  if (zooms.length === 0) return nearest;
  const last = zooms.sort((a, b) => b - a)[Math.min(NEIGHBOURS, zooms.length) - 1]!;
  return Math.min(nearest, Math.floor(last / ZOOM_STEP) * ZOOM_STEP);
};
