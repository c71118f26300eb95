// The estimated size of the file.

import { useEffect, useState } from "preact/hooks";
import { estimate, type Estimate, isAborted, Refusal } from "../../api";
import { reasonOf, useWords } from "../../texts";
import { FIELDS } from "./field";

const DEBOUNCE_MS = 350;

export interface Estimated {
  /** Whether the request has been unchanged for a moment (debounced). */
  settled: boolean;
  size: Estimate | null;
  /** Why there is no estimate, if the request is valid. */
  failure: unknown;
  /** The server's error for a field. */
  refusal: Refusal | null;
}

/** Requests an estimate whenever the request has changed and settled. An error of the request itself is set by the caller. */
export const useEstimate = (query: string, reachable: boolean) => {
  const settled = useSettled(query);
  const [size, setSize] = useState<Estimate | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  useEffect(() => {
    setSize(null);
    setFailure(null);
    if (settled === null) return;
    const control = new AbortController();
    estimate(new URLSearchParams(settled), control.signal).then(
      (size) => {
        setSize(size);
        setRefusal(null);
      },
      (error: unknown) => {
        if (isAborted(error)) return;
        const refused = error instanceof Refusal && error.field !== null;
        setRefusal(refused ? error : null);
        setFailure(refused ? null : error);
      },
    );
    return () => control.abort();
  }, [settled, reachable]);
  const estimated: Estimated = { settled: settled !== null, size, failure, refusal };
  return { estimated, setRefusal };
};

/** A debounced value; `null` until it has settled. */
const useSettled = (value: string): string | null => {
  const [settled, setSettled] = useState<string | null>(null);
  useEffect(() => {
    setSettled(null);
    const timer = setTimeout(() => setSettled(value), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
};

/** The text; for an error only if it does not belong to a visible field. */
export const EstimateLine = ({ estimated: { size, failure, refusal } }: { estimated: Estimated }) => {
  const { t, number, bytes } = useWords();
  return (
    <p class="estimate" role="status">
      {refusal === null && failure !== null && <span class="bad">{t.estimateFailed(reasonOf(failure, t))}</span>}
      {refusal === null &&
        failure === null &&
        (size === null
          ? t.estimating
          : size.rows === 0
            ? t.estimateNone
            : size.exact
              ? t.estimateExact(number(size.rows), bytes(size.bytes))
              : t.estimateMost(number(size.rows), bytes(size.bytes)))}
      {refusal === null && size?.large && ` ${t.large}`}
      {refusal !== null && !FIELDS.includes(refusal.field ?? "") && <span class="bad">{refusal.message}</span>}
    </p>
  );
};
