// Statistics of the selected readings, on demand.

import { useEffect, useState } from "preact/hooks";
import { tally, type Tally } from "../../api";
import { byNumber, type Palette } from "../../index-scale";
import { reasonOf, useWords } from "../../texts";
import { Histogram, LeftOut, Ranking } from "../overview";

interface Props {
  /** The filters, in the API's format. */
  query: string;
  palette: Palette;
  usable: boolean;
}

export const Sum = ({ query, palette, usable }: Props) => {
  const { t } = useWords();
  const [sum, setSum] = useState<Tally | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    setSum(null);
    setFailure(null);
  }, [query]);
  const load = async () => {
    setAsking(true);
    try {
      setSum(await tally(new URLSearchParams(query)));
    } catch (error) {
      setFailure(reasonOf(error, t));
    } finally {
      setAsking(false);
    }
  };
  return (
    <section>
      <h3>{t.summed}</h3>
      {sum === null ? (
        <p class="actions">
          <button type="button" disabled={asking || !usable} onClick={() => void load()}>
            {asking ? t.loading : t.sumUp}
          </button>
        </p>
      ) : (
        <Summed sum={sum} palette={palette} />
      )}
      {failure && <p class="bad" role="alert">{failure}</p>}
    </section>
  );
};

const Summed = ({ sum, palette }: { sum: Tally; palette: Palette }) => {
  const { t, moment } = useWords();
  const counts = byNumber && sum.indices !== null ? sum.indices : sum.bands.map(({ readings }) => readings);
  return (
    <>
      {!sum.complete && sum.countedUntil && <p class="note">{t.summedPart(moment(sum.countedUntil))}</p>}
      <LeftOut count={sum.leftOutReadings} reasons={sum.leftOut} say={t.leftOutReadings} />
      <Histogram counts={counts} caption={t.histogram} palette={palette} />
      <Ranking countries={sum.countries} palette={palette} />
    </>
  );
};
