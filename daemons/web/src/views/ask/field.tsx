// A field of the form, with the server's error for it.

import type { ComponentChildren } from "preact";
import type { Refusal } from "../../api";
import type { Selection } from "../../selection";

/** The state of the form. */
export interface Draft {
  selection: Selection;
  put: (change: Partial<Selection>) => void;
  /** The server's error for it. */
  refusal: Refusal | null;
}

/** Errors of these fields are shown beside them, and nowhere else. */
export const FIELDS = ["startDate", "endDate", "minAqi", "maxAqi", "range", "sensorType", "bbox", "near"];

interface Props {
  draft: Draft;
  /** The name in the API. */
  name: string;
  label: string;
  children: ComponentChildren;
}

export const Field = ({ draft: { refusal }, name, label, children }: Props) => {
  const wrong = refusal !== null && refusal.field === name ? refusal.message : null;
  return (
    <label class={wrong ? "wrong" : undefined}>
      {label}
      {children}
      {wrong && <span class="bad" role="alert">{wrong}</span>}
    </label>
  );
};
