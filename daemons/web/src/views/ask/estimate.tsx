// How much that is, before anybody asks for it.

import { useEffect, useState } from "preact/hooks";
import { estimate, type Estimate, isAborted, Refusal } from "../../api";
import { reasonOf, useWords } from "../../texts";
import { FIELDS } from "./field";

const DEBOUNCE_MS = 350;

export interface Estimated {
  /** Whether the request has stayed as it is for a moment. */
  settled: boolean;
  size: Estimate | null;
  /** Why there is no estimate, where the request is not to blame. */
  failure: unknown;
  /** What the server has against a field. */
  refusal: Refusal | null;
}

/** Asks anew whenever the request has changed and settled. A refusal of the request itself is set
 * from outside. */
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

/** A value once it has not changed for a moment; `null` until then. */
const useSettled = (value: string): string | null => {
  const [settled, setSettled] = useState<string | null>(null);
  useEffect(() => {
    setSettled(null);
    const timer = setTimeout(() => setSettled(value), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
};

/** In words; of a refusal only what belongs to no field that is shown. */
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
