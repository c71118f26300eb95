// The server's default air-quality index, from the server, so that its tables are defined once.

export type Palette = "official" | "safe";

/** A number of a short scale, or a band of a long one. */
export interface Step {
  /** The lowest index. */
  from: number;
  /** The name of the band by its authority; in other official languages by language tag. */
  band: string;
  names: Record<string, string>;
  /** The severity, in six levels from Clean to Hazardous; none if the index does not define it. */
  severity: string | null;
  official: [fill: string, text: string];
  safe: [fill: string, text: string];
}

interface Scale {
  /** For example uk_daqi:2013. */
  id: string;
  name: string;
  low: number;
  /** None if it is open-ended. */
  high: number | null;
  steps: Step[];
  /** The authority's page of advice. */
  advice: string | null;
  /** The attribution of the data, and the URLs of its licences. */
  attribution: string;
  licences: string[];
}

const read = (): Scale => {
  try {
    return JSON.parse(document.getElementById("index")?.textContent ?? "") as Scale;
  } catch {
    // A page that did not come from the server: `vite dev`.
    return { id: "", name: "", low: 0, high: null, steps: [], advice: null, attribution: "", licences: [] };
  }
};

export const scale = read();

/** The index for which the page has its own advice texts. */
export const isDaqi = scale.id.startsWith("uk_daqi");

/** Whether every index value has its own step, and so its own colour. */
export const byNumber = scale.high !== null && scale.steps.length === scale.high - scale.low + 1;

const NONE: [string, string] = ["#8a949b", "#000000"];

/** The number of an index value's step. */
export const stepOf = (index: number): number => {
  let step = 0;
  while (step + 1 < scale.steps.length && scale.steps[step + 1]!.from <= index) step += 1;
  return step;
};

/** Fill and text colour of an index value; grey if there is none. */
export const colourOf = (index: number | null, palette: Palette): [fill: string, text: string] =>
  (index === null ? undefined : scale.steps[stepOf(index)]?.[palette]) ?? NONE;

export interface Band {
  /** The authority's name, as used in the API. */
  name: string;
  first: number;
  /** None if it is open-ended. */
  last: number | null;
  steps: Step[];
}

/** The bands, from the best to the worst. */
export const BANDS: readonly Band[] = scale.steps.reduce<Band[]>((bands, step) => {
  const last = bands[bands.length - 1];
  if (last?.name === step.band) {
    last.steps.push(step);
  } else {
    if (last) last.last = step.from - 1;
    bands.push({ name: step.band, first: step.from, last: scale.high, steps: [step] });
  }
  return bands;
}, []);
