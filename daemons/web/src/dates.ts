// The reference time of the form's dates, and the form with its dates.

import { useMemo } from "preact/hooks";
import type { Readings } from "./readings";
import { dated, endOf, type Selection } from "./selection";

export interface Dates {
  /** Up to when the bulk of the sensors has reported, milliseconds; `null` without readings. */
  newest: number | null;
  /** What presets count back from, milliseconds: the newest readings, or, where there are none,
   * the moment the page was opened; `null` while it is not known which. */
  countedFrom: number | null;
  /** The form with the dates of its preset; without them while `countedFrom` is `null`. */
  selection: Selection;
}

export const useDates = ({ known, failure, reachable }: Readings, wanted: Selection): Dates => {
  const opened = useMemo(Date.now, []);
  const newest = known?.newest ? Date.parse(known.newest) : null;
  const last = known?.last ? Date.parse(known.last) : null;
  const awaited = known === null && failure === null && reachable;
  const countedFrom = newest ?? (awaited ? null : opened);
  const end = endOf(countedFrom, last);
  const selection = useMemo(
    () => (countedFrom === null || end === null ? wanted : dated(wanted, countedFrom, end)),
    [wanted, countedFrom, end],
  );
  return { newest, countedFrom, selection };
};
