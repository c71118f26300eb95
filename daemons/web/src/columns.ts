// The columns of files, from the server: a new one needs no change here.

interface Column {
  name: string;
  /** Whether it is a default column. */
  usual: boolean;
  /** What it means, in English: its documentation. */
  about: string;
}

const read = (): Column[] => {
  try {
    return JSON.parse(document.getElementById("columns")?.textContent ?? "") as Column[];
  } catch {
    // A page that did not come from the server: `vite dev`.
    return [];
  }
};

export const COLUMNS = read();

export const ALL_COLUMNS = COLUMNS.map(({ name }) => name);

export const USUAL_COLUMNS = COLUMNS.filter(({ usual }) => usual).map(({ name }) => name);
