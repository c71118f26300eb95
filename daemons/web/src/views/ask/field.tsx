// A field of the form, with what the server has against it.

import type { ComponentChildren } from "preact";
import type { Refusal } from "../../api";
import type { Selection } from "../../selection";

/** The form as it is being filled in. */
export interface Draft {
  selection: Selection;
  put: (change: Partial<Selection>) => void;
  /** What the server has against it. */
  refusal: Refusal | null;
}

/** What is said against one of these stands beside it, and nowhere else. */
export const FIELDS = ["startDate", "endDate", "minAqi", "maxAqi", "range", "sensorType", "bbox", "near"];

interface Props {
  draft: Draft;
  /** As the API calls it. */
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
