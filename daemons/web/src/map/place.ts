// Places on the map.

import type { SensorId } from "../sensor-id";

/** In degrees, and Leaflet's zoom. */
export type Place = [latitude: number, longitude: number, zoom: number];

/** Central Europe, where most sensors are. */
export const HOME: Place = [50.5, 10, 5];

export const isSamePlace = (a: Place, b: Place) =>
  a[2] === b[2] && Math.abs(a[0] - b[0]) < 1e-6 && Math.abs(a[1] - b[1]) < 1e-6;

/** A sensor's location in its newest reading. */
export interface Located {
  sensor: SensorId;
  place: [latitude: number, longitude: number] | null;
}
