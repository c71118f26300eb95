// The map's target: the location of a link, a sensor selected outside the map, or the area of the
// sensors.

import { useEffect, useState } from "preact/hooks";
import type { Address, Tab } from "../address";
import type { SensorId } from "../sensor-id";
import type { Shown } from "../shown";
import { placeOf } from "./frame";
import type { Sought } from "./neighbours";
import { HOME, type Located, type Place } from "./place";

export interface Target {
  start: Place;
  /** Whether to show the area of the sensors, once known. */
  fit: boolean;
  /** The location, or the sensor to show with its neighbours; each new object triggers a move. */
  goal: { place: Place } | Sought | null;
  /** For a chosen sensor that the frame does not have. */
  located: Located | null;
}

interface Steering {
  target: Target;
  goTo: (place: Place) => void;
  /** Moves to a sensor as soon as its location is known. */
  seek: (sensor: SensorId) => void;
  /** Sets a sensor's location from its series; `null`: unknown. */
  locate: (found: Located | null) => void;
}

/** `start` is what the address said when the page was opened, `tab` what it says now. */
export const useTarget = (start: Address, tab: Tab, { frame, failed }: Shown): Steering => {
  // A sensor that was not chosen on the map is shown there: by the map's own readings, or by
  // its series, where it has been silent for too long to be on the map.
  const [awaited, setAwaited] = useState(start.place === null ? start.sensor : null);
  const [fit, setFit] = useState(start.place === null && start.sensor === null);
  const [goal, setGoal] = useState<Target["goal"]>(null);
  const [located, setLocated] = useState<Located | null>(null);
  const goTo = (place: Place) => setGoal({ place });
  const show = (sensor: SensorId, at: [number, number] | null) => {
    setAwaited(null);
    if (at) setGoal({ sensor, at });
    else if (start.place === null) setFit(true);
  };
  useEffect(() => {
    if (awaited === null) return;
    const onMap = frame && placeOf(frame, awaited);
    if (onMap) return show(awaited, onMap);
    // Its series may come first, but the neighbours come with the map's readings.
    const known = frame !== null || failed;
    if (known && located?.sensor === awaited) return show(awaited, located.place);
    if (frame && tab !== "sensor") show(awaited, null);
  }, [awaited, frame, failed, located, tab]);
  const locate = (found: Located | null) => {
    setLocated(found);
    if (awaited !== null && found === null) show(awaited, null);
  };
  return { target: { start: start.place ?? HOME, fit, goal, located }, goTo, seek: setAwaited, locate };
};
