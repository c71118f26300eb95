// Playback: a slider over the chosen dates, with one frame per step.

import { useEffect, useMemo, useState } from "preact/hooks";
import { isAborted, latest } from "../api";
import { type Selection, undated } from "../selection";
import { reasonOf, useWords } from "../texts";
import type { Frame } from "./frame";

interface Props {
  /** With dates, once there are readings. */
  selection: Selection;
  state: "loading" | "empty" | "ready";
  /** Milliseconds; `null`: the newest readings. */
  moment: number | null;
  onMoment: (moment: number | null) => void;
  /** The frame at that time; `null` until it is loaded, or if it cannot be loaded. */
  onFrame: (frame: Frame | null, failed: boolean) => void;
}

const HOUR = 3_600_000;
const FRAMES_KEPT = 48;
const PAUSE_MS = 600;

/** An hour for short spans, longer for longer ones: at most some hundred steps. */
const stepOf = (span: number) => {
  const steps = [1, 3, 6, 12, 24].map((hours) => hours * HOUR);
  return steps.find((step) => span / step <= 100) ?? Math.ceil(span / 100 / (24 * HOUR)) * 24 * HOUR;
};

export const Replay = ({ selection, state, moment, onMoment, onFrame }: Props) => {
  const words = useWords();
  const { t } = words;
  const [from, until] = [Date.parse(`${selection.start}Z`), Date.parse(`${selection.end}Z`)];
  const usable = Number.isFinite(from) && Number.isFinite(until) && until > from;
  const step = usable ? stepOf(until - from) : HOUR;
  const steps = usable ? Math.ceil((until - from) / step) : 0;
  const timeOf = (number: number) => Math.min(until, from + number * step);
  // The time of a link may be outside the dates; it is shown all the same.
  const at = moment === null || !usable ? steps : Math.max(0, Math.min(steps, Math.round((moment - from) / step)));
  const next = moment === null || moment < from || moment >= until ? from : timeOf(Math.floor((moment - from) / step) + 1);

  const [playing, setPlaying] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const query = undated(selection).toString();
  const kept = useMemo(() => new Map<number, Frame>(), [query]);

  useEffect(() => {
    setFailure(null);
    if (moment === null) {
      setPlaying(false);
      onFrame(null, false);
      return;
    }
    const control = new AbortController();
    const show = async () => {
      try {
        const frame = kept.get(moment) ?? (await load(query, moment, control.signal));
        kept.set(moment, frame);
        if (kept.size > FRAMES_KEPT) kept.delete(kept.keys().next().value!);
        onFrame(frame, false);
        if (!playing) return;
        await new Promise((done) => setTimeout(done, PAUSE_MS));
        if (control.signal.aborted) return;
        if (moment < until) onMoment(next);
        else setPlaying(false);
      } catch (error) {
        if (isAborted(error)) return;
        setPlaying(false);
        onFrame(null, true);
        setFailure(reasonOf(error, t));
      }
    };
    void show();
    return () => control.abort();
  }, [moment, playing, query]);

  if (moment === null && (state !== "ready" || !usable)) {
    const said = { loading: t.loading, empty: t.replayEmpty, ready: t.replayNone }[state];
    return <p class="replay note">{said}</p>;
  }
  const play = () => {
    if (!playing && (moment === null || moment >= until)) onMoment(from);
    setPlaying(!playing);
  };
  return (
    <div class="replay" role="group" aria-label={t.lookBack}>
      <button type="button" disabled={!usable} onClick={play}>
        {playing ? t.pause : moment === null ? t.lookBack : t.play}
      </button>
      <input
        type="range"
        min={0}
        max={steps}
        step={1}
        value={at}
        disabled={!usable}
        aria-label={t.moment}
        aria-valuetext={moment === null ? t.newest : words.moment(moment)}
        onInput={(event) => {
          setPlaying(false);
          onMoment(timeOf(Number(event.currentTarget.value)));
        }}
      />
      <button type="button" disabled={moment === null} onClick={() => onMoment(null)}>
        {t.newest}
      </button>
      <p class="note" role="status">
        {failure !== null ? t.mapFailed(failure) : moment === null ? t.replayNote : words.moment(moment)}
      </p>
    </div>
  );
};

/** The state at a time: the newest reading of each sensor in the preceding day. */
const load = async (query: string, moment: number, signal: AbortSignal): Promise<Frame> => {
  const asked = new URLSearchParams(query);
  asked.set("startDate", new Date(moment - 24 * HOUR).toISOString());
  asked.set("endDate", new Date(moment).toISOString());
  return latest(asked, signal);
};
