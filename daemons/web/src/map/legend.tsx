// Which colour stands for which index.

import { BANDS, colourOf, indicesOf, type Palette } from "../index-scale";
import { useWords } from "../texts";

export const Legend = ({ palette }: { palette: Palette }) => {
  const { t } = useWords();
  return (
    <figure class="legend">
      <figcaption>{t.legend}</figcaption>
      <ul>
        {BANDS.map((band) => {
          const [first, last] = indicesOf(band);
          const indices = Array.from({ length: last - first + 1 }, (_, n) => first + n);
          return (
            <li key={band}>
              <span class="swatches" aria-hidden="true">
                {indices.map((index) => {
                  const [fill, ink] = colourOf(index, palette);
                  return (
                    <span key={index} style={{ background: fill, color: ink }}>
                      {index}
                    </span>
                  );
                })}
              </span>{" "}
              {t.bands[band]}
              <span class="hidden"> {first === last ? first : `${first}–${last}`}</span>
            </li>
          );
        })}
      </ul>
      <p class="note">{t.legendNote}</p>
    </figure>
  );
};
