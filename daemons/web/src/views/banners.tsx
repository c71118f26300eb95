// What everybody who looks at the page has to know, whatever the view.

import type { Known } from "../api";
import { useWords } from "../texts";

interface Props {
  known: Known | null;
  /** Seconds; `null` without readings. */
  age: number | null;
  stale: boolean;
  /** The past is shown, and says so itself. */
  past: boolean;
  reachable: boolean;
  failure: string | null;
  onRetry: () => void;
}

export const Banners = ({ known, age, stale, past, reachable, failure, onRetry }: Props) => {
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
          <button type="button" onClick={onRetry}>
            {t.retry}
          </button>
        </p>
      )}
    </div>
  );
};
