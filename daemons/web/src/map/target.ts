// Where the map goes: to the place of a link, to a sensor that was chosen elsewhere than on the
// map, or to where the sensors are.

import { useEffect, useState } from "preact/hooks";
import type { Address } from "../address";
import type { SensorId } from "../sensor-id";
import { type Frame, placeOf } from "./frame";
import { HOME, type Located, type Place } from "./place";

const SENSOR_ZOOM = 13;

export interface Target {
  start: Place;
  /** Whether to go to where the sensors are, once they are known. */
  fit: boolean;
  /** Where to go; another object, another move. */
  goal: { place: Place } | null;
  /** For a chosen sensor that the frame does not have. */
  located: Located | null;
}

interface Steering {
  target: Target;
  goTo: (place: Place) => void;
  /** Goes to a sensor as soon as it is known where it stands. */
  seek: (sensor: SensorId) => void;
  /** Takes where a sensor stands by its series; `null`: nobody knows. */
  locate: (found: Located | null) => void;
}

/** `start` is what the address said when the page was opened, `address` what it says now. */
export const useTarget = (start: Address, { tab, place }: Address, frame: Frame | null): Steering => {
  // A sensor that was not chosen on the map is shown there: by the map's own readings, or by
  // its series, where it has been silent for too long to be on the map.
  const [awaited, setAwaited] = useState(start.place === null ? start.sensor : null);
  const [fit, setFit] = useState(start.place === null && start.sensor === null);
  const [goal, setGoal] = useState<Target["goal"]>(null);
  const [located, setLocated] = useState<Located | null>(null);
  const goTo = (place: Place) => setGoal({ place });
  const show = (found: readonly [number, number] | null) => {
    setAwaited(null);
    if (found) goTo([...found, Math.max(place?.[2] ?? 0, SENSOR_ZOOM)]);
    else if (start.place === null) setFit(true);
  };
  useEffect(() => {
    if (awaited === null || !frame) return;
    const found = placeOf(frame, awaited);
    if (found || tab !== "sensor") show(found);
  }, [awaited, frame, tab]);
  const locate = (found: Located | null) => {
    setLocated(found);
    if (awaited !== null && (found === null || found.sensor === awaited)) show(found && found.place);
  };
  return { target: { start: start.place ?? HOME, fit, goal, located }, goTo, seek: setAwaited, locate };
};
