// The first rows of a response, in a sortable table.

import { useEffect, useState } from "preact/hooks";
import { isAborted, Refusal, rows } from "../api";
import { reasonOf, useWords } from "../texts";

type Cell = string | number | boolean | string[] | null;
type Row = Record<string, Cell>;

const ROWS = 50;
const COLUMNS = ["timestamp", "sensor_id", "loc_country", "P1", "P2", "AQI", "Range", "flags"];

/** `query`: the filters; `null` while they are invalid or not known yet. */
export const Preview = ({ query, reachable }: { query: string | null; reachable: boolean }) => {
  const { t } = useWords();
  const [found, setFound] = useState<Row[] | { problem: unknown } | null>(null);
  const [tries, setTries] = useState(0);
  const [order, setOrder] = useState<{ column: string; down: boolean } | null>(null);
  useEffect(() => {
    if (query === null) return setFound(null);
    const control = new AbortController();
    load(query, control.signal).then(setFound, (problem: unknown) => {
      if (isAborted(problem)) return;
      setFound(problem instanceof Refusal && problem.status === 404 ? [] : { problem });
    });
    return () => control.abort();
  }, [query, reachable, tries]);
  if (found === null) return query === null ? null : <p class="note" role="status">{t.loading}</p>;
  if ("problem" in found) {
    return (
      <p class="bad" role="alert">
        {t.previewFailed(reasonOf(found.problem, t))}{" "}
        <button type="button" onClick={() => { setFound(null); setTries(tries + 1); }}>
          {t.retry}
        </button>
      </p>
    );
  }
  if (found.length === 0) return <p class="note">{t.previewNone}</p>;
  const sorted = order ? found.toSorted((a, b) => compare(a[order.column], b[order.column], order.down)) : found;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.preview}>
      <table class="preview">
        <thead>
          <tr>
            {COLUMNS.map((column) => {
              const here = order?.column === column;
              const sort = here ? (order.down ? "descending" : "ascending") : undefined;
              return (
                <th key={column} scope="col" aria-sort={sort}>
                  <button
                    type="button"
                    title={t.sortBy(column)}
                    onClick={() => setOrder({ column, down: here ? !order.down : false })}
                  >
                    {column}
                    {here && (order.down ? " ▾" : " ▴")}
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row, n) => (
            <tr key={n}>
              {COLUMNS.map((column) => (
                <td key={column}>{shown(row[column])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

const load = (query: string, signal: AbortSignal): Promise<Row[]> => {
  const asked = new URLSearchParams(query);
  asked.set("format", "json");
  asked.set("limit", String(ROWS));
  asked.set("columns", COLUMNS.join(","));
  return rows<Row>(asked, signal);
};

/** Empty values last, in either order. */
const compare = (a: Cell | undefined, b: Cell | undefined, down: boolean): number => {
  const [x, y] = [shown(a), shown(b)];
  if (x === "" || y === "") return Number(x === "") - Number(y === "");
  const order = typeof a === "number" && typeof b === "number" ? a - b : x < y ? -1 : x > y ? 1 : 0;
  return down ? -order : order;
};

const shown = (cell: Cell | undefined): string =>
  cell === null || cell === undefined ? "" : Array.isArray(cell) ? cell.join(", ") : String(cell);
