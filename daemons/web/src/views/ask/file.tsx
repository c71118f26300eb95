// The format and the columns of the file.

import { ALL_COLUMNS, COLUMNS, USUAL_COLUMNS } from "../../columns";
import { FORMATS, isAll, toggled } from "../../selection";
import { useWords } from "../../texts";
import { ZONE } from "../../zone";
import type { Draft } from "./field";

interface Props {
  draft: Draft;
  /** The server refused the viewer's time zone. */
  isInUtc: boolean;
}

export const FileFields = ({ draft: { selection, put }, isInUtc }: Props) => {
  const { t } = useWords();
  return (
    <fieldset>
      <legend>{t.file}</legend>
      <label>
        {t.format}
        <select name="format" value={selection.format} onChange={(event) => put({ format: event.currentTarget.value })}>
          {FORMATS.map((format) => (
            <option key={format} value={format}>
              {t.formats[format]}
            </option>
          ))}
        </select>
      </label>
      {selection.format === "spreadsheet" && (
        <p class="note">{isInUtc ? t.timesInUtc(ZONE) : t.timesIn(ZONE)}</p>
      )}
      <label class="choice">
        <input
          type="checkbox"
          name="columns"
          checked={isAll(selection.columns)}
          onChange={(event) => put({ columns: event.currentTarget.checked ? [...ALL_COLUMNS] : [] })}
        />
        {t.allColumns}
      </label>
      <Columns chosen={selection.columns} onChange={(columns) => put({ columns })} />
    </fieldset>
  );
};

/** The column choice. Names are those in the files, in any language of the page. */
const Columns = ({ chosen, onChange }: { chosen: string[]; onChange: (columns: string[]) => void }) => {
  const { t } = useWords();
  const shown = chosen.length === 0 ? USUAL_COLUMNS : chosen;
  return (
    <details>
      <summary>{t.chooseColumns(shown.length, ALL_COLUMNS.length)}</summary>
      <div class="columns">
        {COLUMNS.map(({ name, about }) => (
          <label key={name} class="choice" title={about}>
            <input
              type="checkbox"
              data-column={name}
              checked={shown.includes(name)}
              disabled={shown.length === 1 && shown.includes(name)}
              onChange={() => onChange(toggled(chosen, name))}
            />
            {name}
          </label>
        ))}
      </div>
    </details>
  );
};
