// The summary and the latest readings, kept up to date while the page is open.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ageOf, isAborted, type Known, latest, onReachable, summary, Unreachable } from "./api";
import type { Frame } from "./map/frame";
import { reasonOf, useWords } from "./texts";

/** Polling interval for newer readings. */
const LOOK_MS = 60_000;

/** Older readings are requested as of their own time, since all sensors are silent by now. */
const PRESENT_SECONDS = 24 * 3600;

/** … and where the map is behind what is stored. */
const SOON_MS = 3000;

/** Interval for updating the data age. */
const AGE_MS = 10_000;

interface Loaded {
  known: Known | null;
  frame: Frame | null;
  /** Why they could not be loaded. */
  failure: string | null;
  reachable: boolean;
  reload: () => void;
}

export interface Readings extends Loaded {
  /** The current data age in seconds; `null` without readings. */
  age: number | null;
  /** Whether it is too old to describe the current air quality. */
  stale: boolean;
}

export const useReadings = (): Readings => {
  const loaded = useLoaded();
  const { known } = loaded;
  const now = useNow(AGE_MS);
  const age = known && ageOf(known, now);
  const stale = known !== null && age !== null && age > known.staleAfterSeconds;
  return { ...loaded, age, stale };
};

/** Refreshed each minute, and when the server is back. */
const useLoaded = (): Loaded => {
  const { t } = useWords();
  const [known, setKnown] = useState<Known | null>(null);
  const [frame, setFrame] = useState<Frame | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [reachable, setReachable] = useState(true);
  const shown = useRef<string | null>(null);
  const load = useCallback(async (signal?: AbortSignal) => {
    try {
      const now = await summary(signal);
      setKnown(now);
      const version = `${now.newest} ${now.readings}`;
      if (shown.current !== version) {
        const past = now.newest !== null && (now.dataAgeSeconds ?? 0) > PRESENT_SECONDS;
        const frame = await latest(new URLSearchParams(past ? { endDate: now.newest! } : {}), signal);
        setFrame(frame);
        // The server may have returned a stale response while it computes a new one.
        if (frame.newest === now.newest) shown.current = version;
        else setTimeout(() => void load(signal), SOON_MS);
      }
      setProblem(null);
    } catch (error) {
      // An unreachable server has its own notice.
      if (!isAborted(error) && !(error instanceof Unreachable)) setProblem(error);
    }
  }, []);
  useEffect(() => {
    const control = new AbortController();
    void load(control.signal);
    const timer = setInterval(() => {
      if (!document.hidden) void load(control.signal);
    }, LOOK_MS);
    const left = onReachable((now) => {
      setReachable(now);
      if (now) void load(control.signal);
    });
    return () => {
      control.abort();
      clearInterval(timer);
      left();
    };
  }, []);
  const failure = problem === null ? null : reasonOf(problem, t);
  return { known, frame, failure, reachable, reload: () => void load() };
};

/** The current time, updated at an interval in milliseconds; it pauses while unused. */
export const useNow = (everyMs: number, running = true): number => {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!running) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [running, everyMs]);
  return now;
};
