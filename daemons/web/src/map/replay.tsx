// The map of earlier moments: a slider over the chosen dates, one frame for each step.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { isAborted, latest } from "../api";
import { filters, type Selection } from "../selection";
import { useWords } from "../texts";
import type { Frame } from "./frame";

interface Props {
  /** With dates. */
  selection: Selection;
  /** `null`: back to the newest readings. */
  onFrame: (frame: Frame | null, moment: number | null) => void;
}

const HOUR = 3_600_000;
const FRAMES_KEPT = 48;
const PAUSE_MS = 600;

/** An hour for short spans, longer for longer ones: at most some hundred steps. */
const stepOf = (span: number) => {
  const steps = [1, 3, 6, 12, 24].map((hours) => hours * HOUR);
  return steps.find((step) => span / step <= 100) ?? Math.ceil(span / 100 / (24 * HOUR)) * 24 * HOUR;
};

export const Replay = ({ selection, onFrame }: Props) => {
  const { t, moment } = useWords();
  const [from, until] = [Date.parse(`${selection.start}Z`), Date.parse(`${selection.end}Z`)];
  const usable = Number.isFinite(from) && Number.isFinite(until) && until > from;
  const step = usable ? stepOf(until - from) : HOUR;
  const steps = usable ? Math.ceil((until - from) / step) : 0;
  const [at, setAt] = useState<number | null>(null);
  const [playing, setPlaying] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const query = filters(selection).toString();
  const kept = useMemo(() => new Map<number, Frame>(), [query]);
  const shown = useRef<number | null>(null);
  const timeOf = (step_number: number) => Math.min(until, from + step_number * step);

  // Other dates or filters: this is another film.
  useEffect(() => {
    if (shown.current === null) return;
    setAt(null);
    setPlaying(false);
  }, [query]);

  useEffect(() => {
    if (at === null) {
      if (shown.current !== null) onFrame(null, null);
      shown.current = null;
      return;
    }
    const control = new AbortController();
    const show = async () => {
      try {
        const frame = kept.get(at) ?? (await load(query, timeOf(at), control.signal));
        kept.set(at, frame);
        if (kept.size > FRAMES_KEPT) kept.delete(kept.keys().next().value!);
        shown.current = at;
        setFailure(null);
        onFrame(frame, timeOf(at));
        if (playing) {
          await new Promise((done) => setTimeout(done, PAUSE_MS));
          if (control.signal.aborted) return;
          if (at < steps) setAt(at + 1);
          else setPlaying(false);
        }
      } catch (error) {
        if (isAborted(error)) return;
        setPlaying(false);
        setFailure(error instanceof Error ? error.message : String(error));
      }
    };
    void show();
    return () => control.abort();
  }, [at, playing, query]);

  if (!usable) return <p class="replay note">{t.replayNone}</p>;
  return (
    <div class="replay" role="group" aria-label={t.lookBack}>
      <button
        type="button"
        onClick={() => {
          if (!playing && (at === null || at >= steps)) setAt(0);
          setPlaying(!playing);
        }}
      >
        {playing ? t.pause : at === null ? t.lookBack : t.play}
      </button>
      <input
        type="range"
        min={0}
        max={steps}
        step={1}
        value={at ?? steps}
        aria-label={t.moment}
        aria-valuetext={at === null ? t.now : moment(timeOf(at))}
        onInput={(event) => {
          setPlaying(false);
          setAt(Number(event.currentTarget.value));
        }}
      />
      <button type="button" disabled={at === null} onClick={() => { setPlaying(false); setAt(null); }}>
        {t.now}
      </button>
      <p class="note" role="status">
        {failure ?? (at === null ? t.replayNote : moment(timeOf(at)))}
      </p>
    </div>
  );
};

/** What was known at a moment: the newest of each sensor in the day before. */
const load = async (query: string, moment: number, signal: AbortSignal): Promise<Frame> => {
  const asked = new URLSearchParams(query);
  asked.set("startDate", new Date(moment - 24 * HOUR).toISOString());
  asked.set("endDate", new Date(moment).toISOString());
  return latest(asked, signal);
};
