// The view of a sensor, with its charts; loaded on demand, since most visitors never open it.

import type { ComponentChild } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useWords } from "../texts";
import type { SensorProps } from "./sensor";

export const LazySensor = (props: SensorProps) => {
  const { t } = useWords();
  const [View, setView] = useState<((props: SensorProps) => ComponentChild) | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    import("./sensor").then(
      ({ SensorView }) => setView(() => SensorView),
      () => setFailed(true),
    );
  }, []);
  if (View) return <View {...props} />;
  // The server is offline, or has a newer version of the page.
  return failed ? (
    <button type="button" onClick={() => location.reload()}>
      {t.retry}
    </button>
  ) : (
    <p class="note">{t.loading}</p>
  );
};
