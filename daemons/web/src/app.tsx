// The page: its parts, and their shared state.

import { useEffect, useMemo, useState } from "preact/hooks";
import { type Address, readAddress, type Tab, useHistory } from "./address";
import { useDates } from "./dates";
import { isActive, type Job, useJobs } from "./jobs";
import { useAreaDrawing } from "./map/area-drawing";
import type { View } from "./map/frame";
import { Legend } from "./map/legend";
import { boxOf, MapView } from "./map/map";
import { HOME, isSamePlace } from "./map/place";
import { Replay } from "./map/replay";
import { useTarget } from "./map/target";
import { useReadings } from "./readings";
import type { Selection } from "./selection";
import type { SensorId } from "./sensor-id";
import { type Settings, useSettings } from "./settings";
import { useShown } from "./shown";
import { useWords, words, WordsContext } from "./texts";
import type { Texts } from "./texts/en";
import { AskView } from "./views/ask";
import { Banners } from "./views/banners";
import { Footer } from "./views/footer";
import { Header } from "./views/header";
import { JobsView } from "./views/jobs";
import { LazySensor } from "./views/lazy-sensor";
import { Overview } from "./views/overview";
import { Tabs } from "./views/tabs";

export const App = () => {
  const settings = useSettings();
  const { language } = settings;
  const spoken = useMemo(() => words(language), [language]);
  useEffect(() => {
    document.title = spoken.t.title;
  }, [spoken]);
  return (
    <WordsContext.Provider value={spoken}>
      <Page settings={settings} />
    </WordsContext.Provider>
  );
};

const Page = ({ settings }: { settings: Settings }) => {
  const { t } = useWords();
  const { palette, dark } = settings;
  const [start] = useState(readAddress);
  const [address, setAddress] = useState(start);
  const { tab, sensor, moment } = address;
  const change = (part: Partial<Address>) => setAddress((old) => ({ ...old, ...part }));
  const setSelection = (selection: Selection) => change({ selection });

  const readings = useReadings();
  const { newest, countedFrom, selection } = useDates(readings, address.selection);
  const { shown, setPast } = useShown(readings, moment, newest);
  const [view, setView] = useState<View | null>(null);
  const { target, goTo, seek, locate } = useTarget(start, tab, shown);
  const area = useAreaDrawing(address.selection, setSelection);
  const jobs = useJobs();

  useHistory(address, (earlier) => {
    setAddress((old) => ({ ...earlier, place: old.place }));
    if (earlier.place) goTo(earlier.place);
  });

  const choose = (sensor: SensorId) => {
    change({ sensor, tab: "sensor" });
    // On a phone the panel is below the map.
    if (matchMedia("(max-width: 60rem)").matches) {
      document.getElementById("panel")?.scrollIntoView({ block: "start" });
    }
  };
  const find = (sensor: SensorId) => {
    seek(sensor);
    choose(sensor);
  };

  return (
    <>
      <a class="skip" href="#panel">
        {t.skip}
      </a>
      <Header readings={readings} moment={moment} settings={settings} />
      <Banners readings={readings} past={moment !== null} />
      <main class="layout">
        <section class="map-area" aria-label={t.mapArea}>
          <MapView
            {...shown}
            {...target}
            palette={palette}
            dark={dark}
            chosen={sensor}
            selection={selection}
            drawing={area.drawing}
            onChoose={choose}
            onView={(view, place) => {
              setView(view);
              setAddress((old) => (isSamePlace(old.place ?? HOME, place) ? old : { ...old, place }));
            }}
            onDrawn={area.finish}
          />
          <Replay
            selection={selection}
            state={countedFrom === null ? "loading" : newest === null ? "empty" : "ready"}
            moment={moment}
            onMoment={(moment) => change({ moment })}
            onFrame={(frame, failed) => setPast({ frame, failed })}
          />
          <Legend palette={palette} />
        </section>
        <section class="panel" id="panel" tabIndex={-1} aria-label={t.tabs}>
          <Tabs tabs={titlesOf(t, jobs)} chosen={tab} onChoose={(tab) => change({ tab })}>
            {tab === "now" && <Overview shown={shown} view={view} palette={palette} onChoose={find} />}
            {tab === "ask" && (
              <AskView
                summary={readings.known}
                selection={countedFrom === null ? null : selection}
                reachable={readings.reachable}
                palette={palette}
                viewAsBox={view && boxOf(view)}
                onSelection={setSelection}
                onDraw={area.begin}
                onJob={() => change({ tab: "jobs" })}
              />
            )}
            {tab === "jobs" && <JobsView jobs={jobs} />}
            {tab === "sensor" && (
              <LazySensor
                sensor={sensor}
                newest={countedFrom}
                moment={moment}
                stale={readings.stale}
                reachable={readings.reachable}
                palette={palette}
                dark={dark}
                onFind={find}
                onLocated={locate}
              />
            )}
          </Tabs>
        </section>
      </main>
      <Footer />
    </>
  );
};

const titlesOf = (t: Texts, jobs: Job[]): [Tab, string][] => {
  const active = jobs.filter(isActive).length;
  return [
    ["now", t.tabNow],
    ["ask", t.tabAsk],
    ["jobs", active > 0 ? `${t.tabJobs} (${active})` : t.tabJobs],
    ["sensor", t.tabSensor],
  ];
};
