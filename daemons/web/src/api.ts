// What the server says, and whether it can be reached.

import type { Frame } from "./map/frame";
import type { SensorId } from "./sensor-id";
import { work } from "./work";

export interface Summary {
  readings: number;
  oldest: string | null;
  /** Up to when the bulk of the sensors has reported. */
  newest: string | null;
  /** The latest reading of all. */
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
  /** How many readings have each index; null for a long scale. */
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
  complete: boolean;
  /** Whether the newest index is of a mean that the standard is defined on: defined or indicative. */
  basis: string | null;
  dominant: string[];
  flags: string[];
  /** Why the newest reading is in no mean or median. */
  leftOut: string[];
  /** Seconds since the newest reading. */
  ageSeconds: number;
  /** Whether that is too long to speak of the air at present. */
  old: boolean;
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

/** What the server refused, in its words. */
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

/** Whether an answer did not come in time. */
export const isTooSlow = (error: unknown) => error instanceof DOMException && error.name === "TimeoutError";

/** An answer that the page waits for comes within this time or not at all. */
const LONGEST_MS = 30_000;

/** A signal that also ends by itself. */
const limited = (signal?: AbortSignal, most = LONGEST_MS) =>
  AbortSignal.any([AbortSignal.timeout(most), ...(signal ? [signal] : [])]);

type Listener = (reachable: boolean) => void;
const listeners = new Set<Listener>();
let reachable = true;

/** Calls when the server can no longer be reached, and when it can again. */
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
      const answer = await fetch("/healthz", { cache: "no-store", signal: limited() });
      if (answer.ok) setReachable(true);
    } catch {
      // Still away.
    }
  }
};

/** A request; a refusal or an unreachable server is thrown. */
export const ask = async (path: string, options: RequestInit = {}): Promise<Response> => {
  let answer: Response;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    // What a fetch throws that is neither aborted nor too slow.
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
    // Not from our server, but from something in between.
  }
  const detail = problem.detail ?? `HTTP ${answer.status}`;
  throw new Refusal(answer.status, detail, problem.field ?? null);
};

const json = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  (await ask(path, { signal: limited(signal), headers: { Accept: "application/json" } })).json() as Promise<T>;

/** A summary, and when it came, for it ages. */
export interface Known extends Summary {
  since: number;
}

export const summary = async (signal?: AbortSignal): Promise<Known> => ({
  ...(await json<Summary>("/api/summary", signal)),
  since: Date.now(),
});

/** How old the readings are by now, in seconds; `null` where there are none. */
export const ageOf = ({ dataAgeSeconds, since }: Known, now: number): number | null =>
  dataAgeSeconds === null ? null : dataAgeSeconds + Math.max(0, now - since) / 1000;

/** Rows of a file, as JSON. */
export const rows = <T>(query: URLSearchParams, signal?: AbortSignal) =>
  json<T[]>(`/api/query?${query}`, signal);

export const tally = async (query: URLSearchParams, signal?: AbortSignal): Promise<Tally | null> =>
  (await json<Summary>(`/api/summary?${query}`, signal)).selection ?? null;

/** The latest readings, ready to be painted. */
export const latest = async (query: URLSearchParams, signal?: AbortSignal): Promise<Frame> => {
  const answer = await ask(`/api/latest?${query}`, { signal: limited(signal) });
  return work<Frame>({ task: "frame", text: await answer.arrayBuffer() });
};

export const estimate = (query: URLSearchParams, signal?: AbortSignal) =>
  json<Estimate>(`/api/estimate?${query}`, signal);

export const series = (query: URLSearchParams, signal?: AbortSignal) =>
  json<Series>(`/api/series?${query}`, signal);

type Described = Omit<JobStatus, "status"> & { state: JobStatus["status"] };

/** `status` has the words of the report's clients, `state` ours. */
const inOurWords = ({ state, ...job }: Described): JobStatus => ({ ...job, status: state });

export const jobStatus = async (id: string, wait: number): Promise<JobStatus> =>
  inOurWords(await json<Described>(`/api/results/${id}/status?wait=${wait}`));

/** The job as it is then; `null` when others asked for the same, so that it stays. */
export const cancelJob = async (id: string): Promise<JobStatus | null> => {
  try {
    const answer = await ask(`/api/results/${id}`, { method: "DELETE" });
    return inOurWords((await answer.json()) as Described);
  } catch (error) {
    if (error instanceof Refusal && error.status === 409) return null;
    throw error;
  }
};

/** Whether an error only says that nobody wants the answer any more. */
export const isAborted = (error: unknown) =>
  error instanceof DOMException && error.name === "AbortError";
