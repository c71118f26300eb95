// Notices shown in every view.

import type { Readings } from "../readings";
import { useWords } from "../texts";

interface Props {
  readings: Readings;
  /** Past readings are shown, which have their own notice. */
  past: boolean;
}

export const Banners = ({ readings, past }: Props) => {
  const { known, age, stale, reachable, failure, reload } = readings;
  const { t, span } = useWords();
  const feed = known?.feed ?? null;
  const said: string[] = [];
  if (!reachable) said.push(t.offline);
  if (failure !== null) said.push(t.mapFailed(failure));
  if (known !== null && age === null) {
    said.push(feed === null ? t.emptyAlone : feed.failure ? t.emptyFailed : feed.lastSuccess ? t.emptyFeed : t.empty);
  } else if (age !== null && stale && !past) {
    said.push(t.stale(span(age)));
  }
  if (feed?.failure) said.push(t.feedFailed(feed.failure.reason));
  return (
    <div class="banners" role="status">
      {said.map((text) => (
        <p key={text} class="banner">
          {text}
        </p>
      ))}
      {failure !== null && (
        <p class="banner">
          <button type="button" onClick={reload}>
            {t.retry}
          </button>
        </p>
      )}
    </div>
  );
};
