// The state of the network at one time: the latest reading of every sensor, by column, with
// locations on the Mercator square from 0,0 (north-west) to 1,1.

import type { SensorId } from "../sensor-id";

/** A sensor of `/api/latest`. */
interface Feature {
  id: SensorId;
  geometry: { coordinates: [longitude: number, latitude: number] } | null;
  properties: {
    loc_country?: string;
    P1?: number;
    P2?: number;
    AQI: number | null;
    ageHours?: number;
    indoor?: boolean;
    flags?: string[];
    /** Why it is excluded from means and medians. */
    leftOut?: string[];
  };
}

export interface Latest {
  newest?: string;
  features: Feature[];
}

export interface Frame {
  length: number;
  newest: string | null;
  ids: SensorId[];
  /** NaN if the location is unknown. */
  x: Float64Array;
  y: Float64Array;
  /** -1 for none. */
  index: Int32Array;
  pm10: Float32Array;
  pm25: Float32Array;
  ageHours: Uint16Array;
  indoor: Uint8Array;
  /** Why the server leaves the sensor out of means and medians, a bit for each of
   * `reasons`; 0: it does not. */
  leftOut: Uint16Array;
  reasons: string[];
  /** Numbers of `countries`; the first of them is `null`. */
  country: Uint16Array;
  countries: (string | null)[];
}

export const mercatorX = (longitude: number) => longitude / 360 + 0.5;

export const mercatorY = (latitude: number) => {
  const sine = Math.sin((Math.max(-85.05, Math.min(85.05, latitude)) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
};

export const longitudeOf = (x: number) => (x - 0.5) * 360;

export const latitudeOf = (y: number) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI;

export const frameOf = ({ newest, features }: Latest): Frame => {
  const length = features.length;
  const frame: Frame = {
    length,
    newest: newest ?? null,
    ids: new Array<SensorId>(length),
    x: new Float64Array(length).fill(Number.NaN),
    y: new Float64Array(length).fill(Number.NaN),
    index: new Int32Array(length),
    pm10: new Float32Array(length).fill(Number.NaN),
    pm25: new Float32Array(length).fill(Number.NaN),
    ageHours: new Uint16Array(length),
    indoor: new Uint8Array(length),
    leftOut: new Uint16Array(length),
    reasons: [],
    country: new Uint16Array(length),
    countries: [null],
  };
  const numbers = new Map<string, number>();
  features.forEach(({ id, geometry, properties }, n) => {
    frame.ids[n] = id;
    if (geometry) {
      frame.x[n] = mercatorX(geometry.coordinates[0]);
      frame.y[n] = mercatorY(geometry.coordinates[1]);
    }
    frame.index[n] = properties.AQI ?? -1;
    frame.pm10[n] = properties.P1 ?? Number.NaN;
    frame.pm25[n] = properties.P2 ?? Number.NaN;
    frame.ageHours[n] = properties.ageHours ?? 0;
    frame.indoor[n] = properties.indoor ? 1 : 0;
    for (const reason of properties.leftOut ?? []) {
      const known = frame.reasons.indexOf(reason);
      frame.leftOut[n]! |= 1 << (known >= 0 ? known : frame.reasons.push(reason) - 1);
    }
    const code = properties.loc_country;
    if (code !== undefined) {
      const number = numbers.get(code) ?? frame.countries.push(code) - 1;
      numbers.set(code, number);
      frame.country[n] = number;
    }
  });
  return frame;
};

/** The server's reasons for excluding a sensor; empty if it is included. */
export const reasonsOf = (frame: Frame, n: number): string[] =>
  frame.reasons.filter((_, bit) => frame.leftOut[n]! & (1 << bit));

/** A sensor's location: `null` if it is not in the frame or has no location. */
export const placeOf = (frame: Frame, sensor: SensorId): [latitude: number, longitude: number] | null => {
  const n = frame.ids.indexOf(sensor);
  return n < 0 || Number.isNaN(frame.x[n]!) ? null : [latitudeOf(frame.y[n]!), longitudeOf(frame.x[n]!)];
};

/** The buffers to transfer to another thread instead of copying. */
export const buffersOf = (frame: Frame): ArrayBufferLike[] =>
  Object.values(frame).flatMap((column) => (ArrayBuffer.isView(column) ? [column.buffer] : []));

export interface View {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** The area of most sensors, with a margin; `null` if none has a location. */
export const usualView = (frame: Frame): View | null => {
  const [xs, ys] = [frame.x, frame.y].map((column) => column.filter((value) => !Number.isNaN(value)).sort());
  if (xs!.length === 0) return null;
  const [left, right] = middle(xs!);
  const [top, bottom] = middle(ys!);
  const view = [longitudeOf(left), latitudeOf(bottom), longitudeOf(right), latitudeOf(top)];
  return { west: view[0]!, south: view[1]!, east: view[2]!, north: view[3]! };
};

/** The range of four fifths of sorted values, plus a quarter on each side. */
const middle = (sorted: Float64Array): [number, number] => {
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const [low, high] = [at(0.1), at(0.9)];
  return [low - (high - low) / 4, high + (high - low) / 4];
};

/** The numbers of the sensors within a view. */
export const within = (frame: Frame, view: View): number[] => {
  const [left, right] = [mercatorX(view.west), mercatorX(view.east)];
  const [top, bottom] = [mercatorY(view.north), mercatorY(view.south)];
  const found: number[] = [];
  for (let n = 0; n < frame.length; n += 1) {
    const [x, y] = [frame.x[n]!, frame.y[n]!];
    if (x >= left && x <= right && y >= top && y <= bottom) found.push(n);
  }
  return found;
};
