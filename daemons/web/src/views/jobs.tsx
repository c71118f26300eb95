// The list of this browser's jobs.

import { useEffect, useState } from "preact/hooks";
import { askAgain, cancel, download, forget, isActive, type Job, refreshEnded, resultOf } from "../jobs";
import { useNow } from "../readings";
import { reasonOf, useWords } from "../texts";

export const JobsView = ({ jobs }: { jobs: Job[] }) => {
  const { t } = useWords();
  useEffect(() => void refreshEnded(), []);
  return (
    <div class="view">
      <h2>{t.tabJobs}</h2>
      {jobs.length === 0 && <p class="note">{t.jobsNone}</p>}
      <ul class="jobs">
        {jobs.map((job) => (
          <JobItem key={job.id} job={job} />
        ))}
      </ul>
      <p class="note">{t.jobsNote}</p>
    </div>
  );
};

const JobItem = ({ job }: { job: Job }) => {
  const words = useWords();
  const { t, span, moment } = words;
  const [failure, setFailure] = useState<string | null>(null);
  const tried = (action: Promise<void>) => {
    setFailure(null);
    action.catch((error: unknown) => setFailure(reasonOf(error, t)));
  };
  const active = isActive(job);
  const now = useNow(1000, active);
  const elapsed = ((job.ended ?? now) - job.asked) / 1000;
  const over = ["failed", "cancelled", "expired", "unknown"].includes(job.status);
  const empty = job.status === "done" && job.rows === 0;
  return (
    <li class={`job ${job.status}`} data-job={job.id}>
      <p class="row">
        <strong>{t.states[job.status] ?? job.status}</strong>
        <span class="note">{active ? t.since(span(elapsed)) : moment(job.asked)}</span>
      </p>
      <p class="query">{told(job.query)}</p>
      {active && (
        <progress
          aria-label={t.jobProgress}
          max={job.estimate || undefined}
          value={job.estimate && job.rows !== undefined ? Math.min(job.rows, job.estimate) : undefined}
        />
      )}
      <p role="status">
        {empty ? t.noData : progress(job, words)}
        {job.status === "failed" && job.reason}
        {job.status === "done" && job.expires && !empty && `, ${t.kept(moment(job.expires))}`}
        {job.shared && active && ` ${t.shared}`}
        {failure && <span class="bad"> {failure}</span>}
      </p>
      <p class="actions">
        {active && (
          <button type="button" onClick={() => tried(cancel(job.id))}>
            {t.cancel}
          </button>
        )}
        {job.status === "done" && !empty && (
          <button type="button" class="main" onClick={() => download(resultOf(job))}>
            {t.download}
          </button>
        )}
        {over && (
          <button type="button" class="main" onClick={() => tried(askAgain(job))}>
            {job.status === "failed" ? t.retry : t.askAgain}
          </button>
        )}
        {!active && (
          <button type="button" onClick={() => forget(job.id)}>
            {t.forget}
          </button>
        )}
      </p>
    </li>
  );
};

const progress = (job: Job, { t, number, bytes }: ReturnType<typeof useWords>): string => {
  if (job.status === "queued" && job.waiting) return t.waiting(number(job.waiting));
  if (job.status === "running" && job.rows) {
    return job.estimate ? t.rowsOf(number(job.rows), number(job.estimate)) : t.rowsSoFar(number(job.rows));
  }
  if (job.status === "done") return t.rowsDone(number(job.rows ?? 0), bytes(job.bytes ?? 0));
  return "";
};

/** A short description of the request, mostly without field names. */
const told = (query: string): string => {
  const fields = new URLSearchParams(query);
  const when = `${fields.get("startDate") ?? ""} – ${fields.get("endDate") ?? ""}`.replaceAll("T", " ");
  const others = [...fields].filter(([name]) => name !== "startDate" && name !== "endDate");
  return [when, ...others.map(([name, value]) => `${name} ${value}`)].join(" · ");
};
