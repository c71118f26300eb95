// The first rows of an answer, in a table that sorts.

import { useEffect, useState } from "preact/hooks";
import { ask, isAborted } from "../api";
import { useWords } from "../texts";

type Cell = string | number | boolean | string[] | null;
type Row = Record<string, Cell>;

const ROWS = 50;
const COLUMNS = ["timestamp", "sensor_id", "loc_country", "P1", "P2", "AQI", "Range", "flags"];

/** `query`: the filters; `null` while they are refused. */
export const Preview = ({ query }: { query: string | null }) => {
  const { t } = useWords();
  const [rows, setRows] = useState<Row[] | null>(null);
  const [order, setOrder] = useState<{ column: string; down: boolean } | null>(null);
  useEffect(() => {
    if (query === null) return setRows(null);
    const control = new AbortController();
    load(query, control.signal).then(setRows, (error: unknown) => {
      if (!isAborted(error)) setRows([]);
    });
    return () => control.abort();
  }, [query]);
  if (rows === null) return null;
  if (rows.length === 0) return <p class="note">{t.previewNone}</p>;
  const sorted = order ? rows.toSorted((a, b) => compare(a[order.column], b[order.column], order.down)) : rows;
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

const load = async (query: string, signal: AbortSignal): Promise<Row[]> => {
  const asked = new URLSearchParams(query);
  asked.set("format", "json");
  asked.set("limit", String(ROWS));
  asked.set("columns", COLUMNS.join(","));
  const answer = await ask(`/api/query?${asked}`, { signal, headers: { Accept: "application/json" } });
  return (await answer.json()) as Row[];
};

/** Nothing last, whatever the order. */
const compare = (a: Cell | undefined, b: Cell | undefined, down: boolean): number => {
  const [x, y] = [shown(a), shown(b)];
  if (x === "" || y === "") return Number(x === "") - Number(y === "");
  const order = typeof a === "number" && typeof b === "number" ? a - b : x < y ? -1 : x > y ? 1 : 0;
  return down ? -order : order;
};

const shown = (cell: Cell | undefined): string =>
  cell === null || cell === undefined ? "" : Array.isArray(cell) ? cell.join(", ") : String(cell);
