// The legend of colours.

import { BANDS, byNumber, type Palette, scale } from "../index-scale";
import { useWords } from "../texts";

export const Legend = ({ palette }: { palette: Palette }) => {
  const { t, band } = useWords();
  return (
    <figure class="legend">
      <figcaption>{t.legend(scale.name)}</figcaption>
      <ul>
        {BANDS.map(({ name, first, last, steps }) => {
          const numbers = last === null ? `${first}+` : first === last ? String(first) : `${first}–${last}`;
          return (
            <li key={name}>
              <span class="swatches" aria-hidden="true">
                {steps.map((step) => {
                  const [fill, ink] = step[palette];
                  return (
                    <span key={step.from} style={{ background: fill, color: ink }}>
                      {byNumber ? step.from : numbers}
                    </span>
                  );
                })}
              </span>{" "}
              {band(steps[0]!)}
              <span class="hidden"> {numbers}</span>
            </li>
          );
        })}
      </ul>
      <p class="note">{t.legendNote}</p>
    </figure>
  );
};
