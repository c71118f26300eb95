// The server's API, whose paths are relative to the page's, and whether the server is reachable.

import type { Frame } from "./map/frame";
import type { SensorId } from "./sensor-id";
import { work } from "./work";

export interface Summary {
  readings: number;
  oldest: string | null;
  /** The time up to which the bulk of the sensors has reported. */
  newest: string | null;
  /** The timestamp of the last reading. */
  last: string | null;
  dataAgeSeconds: number | null;
  staleAfterSeconds: number;
  feed: { lastSuccess: string | null; failure: { at: string; reason: string } | null } | null;
  countries: { country: string | null; readings: number }[];
  selection?: Tally;
}

export interface Tally {
  readings: number;
  withoutIndex: number;
  /** Number of readings by index value; null for a long scale. */
  indices: number[] | null;
  bands: { name: string; readings: number }[];
  leftOutReadings: number;
  leftOut: Record<string, number>;
  countries: CountryTally[];
  complete: boolean;
  countedUntil: string | null;
}

export interface CountryTally {
  country: string | null;
  readings: number;
  sensors: number;
  medianAqi: number | null;
  medianP2: number | null;
}

export interface Series {
  sensor: SensorId;
  sensorType: string | null;
  location: {
    id: number | null;
    latitude: number | null;
    longitude: number | null;
    altitude: number | null;
    country: string | null;
    exact: boolean | null;
    indoor: boolean | null;
  };
  from: string;
  until: string;
  window: string;
  windows: string[];
  newest: { timestamp: number; P1: number | null; P2: number | null; AQI: number | null };
  /** Whether the newest index is defined for its averaging period: defined or indicative. */
  basis: string | null;
  dominant: string[];
  flags: string[];
  /** Why the newest reading is excluded from means and medians. */
  leftOut: string[];
  /** Age of the newest reading in seconds. */
  ageSeconds: number;
  /** Whether it is too old to describe the current air quality. */
  old: boolean;
  /** Seconds of an interval, whose means these are; null: each point is a reading. */
  intervalSeconds: number | null;
  timestamp: number[];
  P1: (number | null)[];
  P2: (number | null)[];
  AQI: (number | null)[];
}

export interface Estimate {
  rows: number;
  exact: boolean;
  bytes: number;
  large: boolean;
}

export interface JobStatus {
  id: string;
  status: "queued" | "running" | "done" | "failed" | "cancelled" | "expired";
  created: string;
  updated: string;
  rows?: number;
  estimate?: number;
  bytes?: number;
  waiting?: number;
  reason?: string;
  retryable?: boolean;
  expires?: string;
}

/** An error response of the server, with its message. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly field: string | null,
  ) {
    super(detail);
  }
}

/** The server cannot be reached. */
export class Unreachable extends Error {}

/** Whether a request timed out. */
export const isTooSlow = (error: unknown) => error instanceof DOMException && error.name === "TimeoutError";

/** Timeout of requests that the page waits for. */
const LONGEST_MS = 30_000;

/** A signal that also aborts after the timeout. */
const limited = (signal?: AbortSignal, most = LONGEST_MS) =>
  AbortSignal.any([AbortSignal.timeout(most), ...(signal ? [signal] : [])]);

type Listener = (reachable: boolean) => void;
const listeners = new Set<Listener>();
let reachable = true;

/** Notifies subscribers when the server goes offline or comes back. */
export const onReachable = (listener: Listener): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const setReachable = (now: boolean) => {
  if (now === reachable) return;
  reachable = now;
  for (const listener of listeners) listener(now);
  if (!now) void lookUntilThere();
};

const lookUntilThere = async () => {
  while (!reachable) {
    await new Promise((done) => setTimeout(done, 2000));
    try {
      const answer = await fetch("healthz", { cache: "no-store", signal: limited() });
      if (answer.ok) setReachable(true);
    } catch {
      // Still offline.
    }
  }
};

/** Sends a request; throws an error response or an unreachable server. */
export const ask = async (path: string, options: RequestInit = {}): Promise<Response> => {
  let answer: Response;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    // A network error: neither aborted nor timed out.
    if (!(error instanceof TypeError)) throw error;
    setReachable(false);
    throw new Unreachable(error.message);
  }
  setReachable(true);
  if (answer.ok) return answer;
  let problem: { detail?: string; field?: string } = {};
  try {
    problem = (await answer.json()) as typeof problem;
  } catch {
    // Not from the server, but from a proxy.
  }
  const detail = problem.detail ?? `HTTP ${answer.status}`;
  throw new Refusal(answer.status, detail, problem.field ?? null);
};

const json = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  (await ask(path, { signal: limited(signal), headers: { Accept: "application/json" } })).json() as Promise<T>;

/** A summary, and the time of its arrival, to compute its age. */
export interface Known extends Summary {
  since: number;
}

export const summary = async (signal?: AbortSignal): Promise<Known> => ({
  ...(await json<Summary>("api/summary", signal)),
  since: Date.now(),
});

/** The current data age in seconds; `null` without readings. */
export const ageOf = ({ dataAgeSeconds, since }: Known, now: number): number | null =>
  dataAgeSeconds === null ? null : dataAgeSeconds + Math.max(0, now - since) / 1000;

/** Rows of a file, as JSON. */
export const rows = <T>(query: URLSearchParams, signal?: AbortSignal) =>
  json<T[]>(`api/query?${query}`, signal);

export const tally = async (query: URLSearchParams, signal?: AbortSignal): Promise<Tally | null> =>
  (await json<Summary>(`api/summary?${query}`, signal)).selection ?? null;

/** The latest readings, ready to be drawn. */
export const latest = async (query: URLSearchParams, signal?: AbortSignal): Promise<Frame> => {
  const answer = await ask(`api/latest?${query}`, { signal: limited(signal) });
  return work<Frame>({ task: "frame", text: await answer.arrayBuffer() });
};

export const estimate = (query: URLSearchParams, signal?: AbortSignal) =>
  json<Estimate>(`api/estimate?${query}`, signal);

export const series = (query: URLSearchParams, signal?: AbortSignal) =>
  json<Series>(`api/series?${query}`, signal);

type Described = Omit<JobStatus, "status"> & { state: JobStatus["status"] };

/** `status` has the values for the report's clients, `state` the actual state. */
const inOurWords = ({ state, ...job }: Described): JobStatus => ({ ...job, status: state });

export const jobStatus = async (id: string, wait: number): Promise<JobStatus> =>
  inOurWords(await json<Described>(`api/results/${id}/status?wait=${wait}`));

/** The updated job; `null` if it is shared with other requests and was not cancelled. */
export const cancelJob = async (id: string): Promise<JobStatus | null> => {
  try {
    const answer = await ask(`api/results/${id}`, { method: "DELETE" });
    return inOurWords((await answer.json()) as Described);
  } catch (error) {
    if (error instanceof Refusal && error.status === 409) return null;
    throw error;
  }
};

/** Whether an error only means that the request was aborted by the page. */
export const isAborted = (error: unknown) =>
  error instanceof DOMException && error.name === "AbortError";
