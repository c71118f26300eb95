// The jobs of this browser: stored across reloads, and polled until they end.

import { useEffect, useState } from "preact/hooks";
import { ask, cancelJob, jobStatus, type JobStatus, Refusal } from "./api";

export interface Job extends Omit<Partial<JobStatus>, "status"> {
  id: string;
  /** The request, in the API's format. */
  query: string;
  /** Milliseconds. */
  asked: number;
  status: JobStatus["status"] | "unknown";
  /** Milliseconds; when the end was received. */
  ended?: number;
  /** It is downloaded once it is done. */
  wanted: boolean;
  /** It was not cancelled: it is shared with other requests. */
  shared?: boolean;
}

const KEY = "airshed.jobs";
const MOST = 50;
const BETWEEN_LOOKS_MS = 1000;

/** Many jobs are short: recent ones are polled more often. */
const YOUNG_MS = 5000;
const BETWEEN_LOOKS_AT_YOUNG_MS = 250;

type Listener = (jobs: Job[]) => void;

export const isActive = (job: Job) => job.status === "queued" || job.status === "running";

const read = (): Job[] => {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    const isJob = (job: unknown): job is Job =>
      typeof job === "object" && job !== null && "id" in job && "query" in job && "status" in job;
    return Array.isArray(kept) ? kept.filter(isJob) : [];
  } catch {
    return [];
  }
};

let jobs = read();
const listeners = new Set<Listener>();
let following = false;
let wake = () => {};

const set = (changed: Job[]) => {
  jobs = changed.slice(0, MOST);
  try {
    localStorage.setItem(KEY, JSON.stringify(jobs));
  } catch {
    // Without storage, the list lasts as long as the page.
  }
  for (const listener of listeners) listener(jobs);
};

const change = (id: string, what: Partial<Job>) =>
  set(jobs.map((job) => (job.id === id ? { ...job, ...what } : job)));

const onJobs = (listener: Listener): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

/** The list, up to date. */
export const useJobs = (): Job[] => {
  const [list, setList] = useState(jobs);
  useEffect(() => onJobs(setList), []);
  useEffect(follow, []);
  return list;
};

// Another tab changed the list.
addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  jobs = read();
  for (const listener of listeners) listener(jobs);
});

/** Adds a new job at the top of the list, and follows it. */
export const add = (id: string, query: string) => {
  const others = jobs.filter((job) => job.id !== id);
  set([{ id, query, asked: Date.now(), status: "queued", wanted: true }, ...others]);
  follow();
};

export const forget = (id: string) => set(jobs.filter((job) => job.id !== id));

export const cancel = async (id: string) => {
  const answer = await cancelJob(id);
  if (answer === null) change(id, { wanted: false, shared: true });
  else take(answer, { wanted: false });
};

/** Repeats the query; if that creates another job, it replaces this one. */
export const askAgain = async (job: Job) => {
  const headers = { Accept: "application/json", Prefer: "respond-async" };
  const answer = await ask(`api/query?${job.query}`, { headers });
  const { id } = (await answer.json()) as { id: string };
  if (id !== job.id) forget(job.id);
  add(id, job.query);
};

const take = (answer: JobStatus, more: Partial<Job> = {}) => {
  const { id, status, rows, estimate, bytes, waiting, reason, retryable, expires } = answer;
  const active = status === "queued" || status === "running";
  const ended = active ? undefined : (jobs.find((job) => job.id === id)?.ended ?? Date.now());
  change(id, { status, rows, estimate, bytes, waiting, reason, retryable, expires, ended, ...more });
};

export const resultOf = (job: Job) => `api/results/${job.id}`;

/** Lets the browser download a file, which may be larger than memory. */
export const download = (address: string) => {
  const link = document.createElement("a");
  link.href = address;
  link.download = "";
  link.click();
};

/** Polls the jobs until none is active. Ended ones are not checked for expiry meanwhile. */
const follow = () => {
  wake();
  if (following) return;
  following = true;
  void (async () => {
    while (jobs.some(isActive)) {
      for (const job of jobs.filter(isActive)) await look(job);
      const young = jobs.some((job) => isActive(job) && Date.now() - job.asked < YOUNG_MS);
      await new Promise<void>((done) => {
        wake = done;
        setTimeout(done, young ? BETWEEN_LOOKS_AT_YOUNG_MS : BETWEEN_LOOKS_MS);
      });
    }
    following = false;
  })();
};

const look = async (job: Job) => {
  try {
    take(await jobStatus(job.id, 0));
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) change(job.id, { status: "unknown" });
    return; // Offline: polled again later.
  }
  const known = jobs.find(({ id }) => id === job.id);
  if (known?.wanted && known.status === "done") {
    change(job.id, { wanted: false });
    if (known.rows !== 0) download(resultOf(known));
  }
};

/** Ended jobs may have expired since the page was left. */
export const refreshEnded = async () => {
  for (const job of jobs.filter(({ status }) => status === "done" || status === "failed")) {
    try {
      take(await jobStatus(job.id, 0));
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) change(job.id, { status: "expired" });
    }
  }
};
