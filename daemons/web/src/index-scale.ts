// The air-quality index as the server knows it, so that nobody types its tables twice.

export type Palette = "official" | "safe";

interface Step {
  band: Band;
  official: [fill: string, text: string];
  safe: [fill: string, text: string];
}

interface Scale {
  /** Of index 1 to 10. */
  colours: Step[];
  /** The authority's page of advice. */
  advice: string | null;
  /** The last whole µg/m³ of index 1 to 9. */
  pm10: number[];
  pm25: number[];
}

export type Band = "Low" | "Moderate" | "High" | "Very High";
export const BANDS: readonly Band[] = ["Low", "Moderate", "High", "Very High"];

const read = (): Scale => {
  try {
    return JSON.parse(document.getElementById("index")?.textContent ?? "") as Scale;
  } catch {
    // A page that did not come from the server: `vite dev`.
    return { colours: [], advice: null, pm10: [], pm25: [] };
  }
};

const scale = read();

export const advicePage = scale.advice;

const NONE: [string, string] = ["#8a949b", "#000000"];

/** Fill and text colour of an index; grey where there is none. */
export const colourOf = (index: number | null, palette: Palette): [fill: string, text: string] =>
  (index === null ? undefined : scale.colours[index - 1]?.[palette]) ?? NONE;

export const bandOf = (index: number): Band => scale.colours[index - 1]?.band ?? "Low";

/** The first and the last index of each band. */
export const indicesOf = (band: Band): [number, number] => {
  const at = scale.colours.flatMap((step, n) => (step.band === band ? [n + 1] : []));
  return [at[0] ?? 1, at[at.length - 1] ?? 10];
};
