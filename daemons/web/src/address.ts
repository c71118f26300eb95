// The page's state in the URL, and the entries of the browser's history.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Place } from "./map/place";
import { readSensorId, type SensorId } from "./sensor-id";
import { fromAddress, type Selection, toAddress } from "./selection";
import { utcMinute } from "./zone";

export type Tab = "now" | "ask" | "jobs" | "sensor";
const TABS: Tab[] = ["now", "ask", "jobs", "sensor"];

export interface Address {
  tab: Tab;
  sensor: SensorId | null;
  /** The past time that is shown, in milliseconds; `null`: the newest readings. */
  moment: number | null;
  /** `null`: where the sensors are. */
  place: Place | null;
  selection: Selection;
}

const usualTab = (sensor: SensorId | null): Tab => (sensor === null ? "now" : "sensor");

export const readAddress = (): Address => {
  const query = new URLSearchParams(location.search);
  const sensor = readSensorId(query.get("sensor") ?? "");
  const tab = TABS.find((tab) => tab === query.get("view")) ?? usualTab(sensor);
  const moment = Date.parse(`${query.get("at")}Z`);
  const place = (query.get("map") ?? "").split(",").map(Number);
  const usable = place.length === 3 && place.every(Number.isFinite) && Math.abs(place[0]!) <= 85;
  return {
    tab,
    sensor,
    moment: Number.isFinite(moment) ? moment : null,
    place: usable ? (place as Place) : null,
    selection: fromAddress(query),
  };
};

const textOf = ({ tab, sensor, moment, place, selection }: Address): string => {
  const query = new URLSearchParams();
  if (tab !== usualTab(sensor)) query.set("view", tab);
  if (sensor !== null) query.set("sensor", String(sensor));
  if (moment !== null) query.set("at", utcMinute(moment));
  if (place !== null) query.set("map", [place[0].toFixed(4), place[1].toFixed(4), place[2]].join(","));
  toAddress(selection, query);
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return text ? `?${text}` : location.pathname;
};

/** State with its own history entry: the view … */
const whereOf = ({ tab, sensor, moment }: Address) => JSON.stringify([tab, sensor, moment !== null]);

/** … and the query. */
const queryOf = ({ selection }: Address) => {
  const query = new URLSearchParams();
  toAddress(selection, query);
  return query.toString();
};

/** Query changes in faster succession than this are typing, and make one entry. */
const TYPING_MS = 2000;
const MAP_MOVES_MS = 200;

/** Keeps the URL up to date, with an entry for each view, sensor and query; `onBack` gets the state of an earlier entry. */
export const useHistory = (address: Address, onBack: (address: Address) => void) => {
  const written = useRef({ where: whereOf(address), query: queryOf(address), typed: 0 });
  const back = useRef(onBack);
  back.current = onBack;
  // Before the new view is visible.
  useLayoutEffect(() => {
    const [where, query] = [whereOf(address), queryOf(address)];
    const { where: whereBefore, query: queryBefore, typed } = written.current;
    if (where === whereBefore && query === queryBefore) {
      const timer = setTimeout(() => history.replaceState(null, "", textOf(address)), MAP_MOVES_MS);
      return () => clearTimeout(timer);
    }
    const isTyping = where === whereBefore && Date.now() - typed < TYPING_MS;
    history[isTyping ? "replaceState" : "pushState"](null, "", textOf(address));
    written.current = { where, query, typed: where === whereBefore ? Date.now() : 0 };
  }, [address.tab, address.sensor, address.moment, address.place, address.selection]);
  useEffect(() => {
    const left = () => {
      const address = readAddress();
      written.current = { where: whereOf(address), query: queryOf(address), typed: 0 };
      back.current(address);
    };
    addEventListener("popstate", left);
    return () => removeEventListener("popstate", left);
  }, []);
};
