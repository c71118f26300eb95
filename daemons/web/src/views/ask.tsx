// The form: the filters, the file options, the estimate, and the download.

import { useEffect, useState } from "preact/hooks";
import type { Summary } from "../api";
import type { Palette } from "../index-scale";
import { EMPTY, filters, request, type Selection } from "../selection";
import { useWords } from "../texts";
import { ZONE } from "../zone";
import { Actions } from "./ask/actions";
import { AreaFields } from "./ask/area";
import { DateFields } from "./ask/dates";
import { useDownload } from "./ask/download";
import { EstimateLine, useEstimate } from "./ask/estimate";
import type { Draft } from "./ask/field";
import { FileFields } from "./ask/file";
import { FilterFields } from "./ask/filters";
import { Sum } from "./ask/sum";
import { Preview } from "./preview";

interface Props {
  summary: Summary | null;
  /** With dates; `null` while their reference time is unknown. */
  selection: Selection | null;
  reachable: boolean;
  palette: Palette;
  viewAsBox: string | null;
  onSelection: (selection: Selection) => void;
  onDraw: (drawing: "box" | "place") => void;
  onJob: () => void;
}

export const AskView = ({ selection, ...props }: Props) => {
  const { t } = useWords();
  if (selection === null) return <p class="note" role="status">{t.loading}</p>;
  return <Form selection={selection} {...props} />;
};

const Form = (props: Props & { selection: Selection }) => {
  const { summary, selection, reachable, palette, viewAsBox, onSelection, onDraw, onJob } = props;
  const { t } = useWords();
  const [isInUtc, setInUtc] = useState(false);
  const query = request(selection, isInUtc ? "UTC" : ZONE).toString();
  const { estimated, setRefusal } = useEstimate(query, reachable);
  const { busy, message, setMessage, start } = useDownload(query, estimated.size, { onJob, onRefusal: setRefusal });
  useEffect(() => {
    if (estimated.refusal?.field === "tz") setInUtc(true);
  }, [estimated.refusal]);
  const usable = estimated.refusal === null;
  const readings = filters(selection).toString();
  const draft: Draft = {
    selection,
    put: (change) => onSelection({ ...selection, ...change }),
    refusal: estimated.refusal,
  };
  return (
    <form
      class="view ask"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <h2 class="hidden">{t.tabAsk}</h2>
      <DateFields draft={draft} />
      <AreaFields
        draft={draft}
        countries={summary?.countries ?? []}
        viewAsBox={viewAsBox}
        onDraw={onDraw}
        onFailure={(text) => setMessage({ text, bad: true })}
      />
      <FilterFields draft={draft} />
      <FileFields draft={draft} isInUtc={isInUtc} />

      <EstimateLine estimated={estimated} />
      <Actions query={query} busy={busy} onReset={() => onSelection(EMPTY)} />
      <p id="answer" role="status" class={message?.bad ? "bad" : undefined}>
        {message?.text}
      </p>

      <h3>{t.preview}</h3>
      <Preview query={usable && estimated.settled ? readings : null} reachable={reachable} />
      <Sum query={readings} palette={palette} usable={usable} />
    </form>
  );
};
