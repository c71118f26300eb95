// The query, as represented by the form, the API and the URL.

import { ALL_COLUMNS, USUAL_COLUMNS } from "./columns";
import { midnight, utcMinute } from "./zone";

export type Preset = "24h" | "yesterday" | "week" | "custom";

export interface Selection {
  preset: Preset;
  /** `YYYY-MM-DDTHH:MM`, UTC. */
  start: string;
  end: string;
  countries: string[];
  minAqi: string;
  maxAqi: string;
  range: string;
  sensorType: string;
  indoor: string;
  area: "" | "bbox" | "near";
  /** west,south,east,north in degrees. */
  bbox: string;
  /** latitude,longitude,kilometres. */
  near: string;
  trusted: boolean;
  format: string;
  /** By name, in the order of files with all columns; empty for the default ones. */
  columns: string[];
}

export const FORMATS = ["csv", "spreadsheet", "json", "geojson", "parquet", "arrow"] as const;

/** The radius of a place that was pointed at, kilometres. */
export const NEAR_KM = 10;

export const EMPTY: Selection = {
  preset: "24h",
  start: "",
  end: "",
  countries: [],
  minAqi: "",
  maxAqi: "",
  range: "",
  sensorType: "",
  indoor: "",
  area: "",
  bbox: "",
  near: "",
  trusted: false,
  format: "csv",
  columns: [],
};

const HOUR = 3_600_000;

/** The end of the dates: some sensors report after the bulk, but a clock that is wrong by more than this is ignored. */
export const endOf = (newest: number | null, last: number | null): number | null =>
  newest === null ? null : Math.max(newest, Math.min(last ?? newest, newest + HOUR));

/** The dates of a preset, relative to the newest readings, so that it is not empty just because the feed is late. Days
 * are those of the viewer. */
export const dated = (selection: Selection, newest: number, end: number): Selection => {
  switch (selection.preset) {
    case "24h":
      return { ...selection, start: utcMinute(newest - 24 * HOUR + 60_000), end: utcMinute(end) };
    case "yesterday":
      return { ...selection, start: utcMinute(midnight(newest, -1)), end: utcMinute(midnight(newest) - 60_000) };
    case "week": {
      // Weeks begin on Monday.
      const monday = midnight(newest, -((new Date(newest).getDay() + 6) % 7));
      return { ...selection, start: utcMinute(monday), end: utcMinute(end) };
    }
    case "custom":
      return selection;
  }
};

/** The filters in the API's format, without file options. */
export const filters = (selection: Selection): URLSearchParams => {
  const query = new URLSearchParams();
  const put = (name: string, value: string) => {
    if (value !== "") query.set(name, value);
  };
  put("startDate", selection.start && `${selection.start}:00`);
  put("endDate", selection.end && `${selection.end}:59`);
  put("country", selection.countries.join(","));
  put("minAqi", selection.minAqi);
  put("maxAqi", selection.maxAqi);
  put("range", selection.range);
  put("sensorType", selection.sensorType.trim());
  put("indoor", selection.indoor);
  if (selection.area === "bbox") put("bbox", selection.bbox);
  if (selection.area === "near") put("near", selection.near);
  if (selection.trusted) put("quality", "plausible");
  return query;
};

/** The filters except the dates. */
export const undated = (selection: Selection): URLSearchParams =>
  filters({ ...selection, start: "", end: "" });

/** The complete request; times of spreadsheets are in a zone. */
export const request = (selection: Selection, zone: string): URLSearchParams => {
  const query = filters(selection);
  if (selection.format === "spreadsheet") {
    query.set("decimal", "comma");
    query.set("bom", "true");
    if (zone !== "UTC") putZone(zone, query);
  } else if (selection.format !== "csv") {
    query.set("format", selection.format);
  }
  putColumns(selection, query);
  return query;
};

/** Without an offset, the dates would be read in the zone, too. */
const putZone = (zone: string, query: URLSearchParams) => {
  for (const name of ["startDate", "endDate"]) {
    const date = query.get(name);
    if (date !== null) query.set(name, `${date}Z`);
  }
  query.set("tz", zone);
  query.set("times", "local");
};

const putColumns = ({ columns }: Selection, query: URLSearchParams) => {
  if (columns.length === 0) return;
  query.set("columns", isAll(columns) ? "all" : columns.join(","));
};

export const isAll = (columns: string[]) =>
  columns.length > 0 && ALL_COLUMNS.every((name) => columns.includes(name));

/** Some columns with one more or less, in the order of files; the usual ones are nothing special. */
export const toggled = (columns: string[], name: string): string[] => {
  const before = columns.length === 0 ? USUAL_COLUMNS : columns;
  const wanted = (other: string) => before.includes(other) !== (other === name);
  return plain(ALL_COLUMNS.filter(wanted));
};

const plain = (columns: string[]): string[] => {
  const usual =
    columns.length === USUAL_COLUMNS.length && columns.every((name) => USUAL_COLUMNS.includes(name));
  return usual ? [] : columns;
};

const TEXTS = [
  "minAqi", "maxAqi", "range", "sensorType", "indoor", "bbox", "near", "format",
] as const;

/** The query in the URL: only differences from the default. */
export const toAddress = (selection: Selection, query: URLSearchParams) => {
  if (selection.preset === "custom") {
    query.set("from", selection.start);
    query.set("to", selection.end);
  } else if (selection.preset !== EMPTY.preset) {
    query.set("when", selection.preset);
  }
  if (selection.countries.length > 0) query.set("country", selection.countries.join(","));
  for (const name of TEXTS) {
    if (selection[name] !== EMPTY[name]) query.set(name, selection[name]);
  }
  if (selection.area !== "") query.set("area", selection.area);
  if (selection.trusted) query.set("trusted", "1");
  putColumns(selection, query);
};

export const fromAddress = (query: URLSearchParams): Selection => {
  const selection = { ...EMPTY };
  const when = query.get("when");
  const [from, to] = [query.get("from"), query.get("to")];
  if (from !== null && to !== null) {
    Object.assign(selection, { preset: "custom", start: from, end: to });
  } else if (when === "yesterday" || when === "week") {
    selection.preset = when;
  }
  selection.countries = (query.get("country") ?? "").split(",").filter((code) => code !== "");
  for (const name of TEXTS) selection[name] = query.get(name) ?? EMPTY[name];
  if (!FORMATS.some((format) => format === selection.format)) selection.format = EMPTY.format;
  const area = query.get("area");
  if (area === "bbox" || area === "near") selection.area = area;
  selection.trusted = query.get("trusted") === "1";
  const columns = query.get("columns") ?? "";
  const named = columns.split(",");
  selection.columns =
    columns === "all" ? [...ALL_COLUMNS] : plain(ALL_COLUMNS.filter((name) => named.includes(name)));
  return selection;
};
