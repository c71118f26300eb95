// Where the map goes: to the place of a link, to a sensor that was chosen elsewhere than on the
// map, or to where the sensors are.

import { useEffect, useState } from "preact/hooks";
import type { Address, Tab } from "../address";
import type { SensorId } from "../sensor-id";
import type { Shown } from "../shown";
import { placeOf } from "./frame";
import type { Sought } from "./neighbours";
import { HOME, type Located, type Place } from "./place";

export interface Target {
  start: Place;
  /** Whether to go to where the sensors are, once they are known. */
  fit: boolean;
  /** Where to go, or which sensor to show among its neighbours; another object, another move. */
  goal: { place: Place } | Sought | null;
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
