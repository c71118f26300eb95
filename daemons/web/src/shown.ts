// The state shown by the map and the overview: the newest readings, or those at a past time.

import { useState } from "preact/hooks";
import type { Frame } from "./map/frame";
import type { Readings } from "./readings";

export interface Shown {
  frame: Frame | null;
  /** No frame is pending. */
  failed: boolean;
  /** The past time that is shown, in milliseconds, if any. */
  asOf: number | null;
}

type Past = Pick<Shown, "frame" | "failed">;

/** `moment` and `newest` are milliseconds; the frame of a moment comes by `setPast`. */
export const useShown = (readings: Readings, moment: number | null, newest: number | null) => {
  const [past, setPast] = useState<Past>({ frame: null, failed: false });
  const { frame, failure, reachable, stale } = readings;
  const present: Past = { frame, failed: failure !== null || !reachable };
  const shown: Shown = { ...(moment === null ? present : past), asOf: moment ?? (stale ? newest : null) };
  return { shown, setPast };
};
