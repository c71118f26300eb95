// The page: what is shown beside the map, and what the address says of it.

import type { ComponentChild } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask, isAborted, latest, onReachable, type Summary, summary } from "./api";
import type { Palette } from "./index-scale";
import { add, current, follow, forget, type Job, onJobs } from "./jobs";
import { Legend } from "./map/legend";
import { boxOf, type Drawing, MapView, type Place } from "./map/map";
import { type Frame, latitudeOf, longitudeOf, type View } from "./map/frame";
import { Replay } from "./map/replay";
import { dated, fromAddress, type Selection, toAddress } from "./selection";
import { LANGUAGES, type Language, useWords, usual, words, WordsContext } from "./texts";
import { AskView } from "./views/ask";
import { JobsView } from "./views/jobs";
import { Overview } from "./views/overview";
import type { SensorProps } from "./views/sensor";
import { Tabs } from "./views/tabs";

export type Tab = "now" | "ask" | "jobs" | "sensor";
const TABS: Tab[] = ["now", "ask", "jobs", "sensor"];

type Theme = "auto" | "light" | "dark";
const THEMES: Theme[] = ["auto", "light", "dark"];

/** How often the page looks whether there are newer readings. */
const LOOK_MS = 60_000;

/** … and where the map is behind what is stored. */
const SOON_MS = 3000;

/** Central Europe, where most sensors are. */
const HOME: Place = [50.5, 10, 5];
const SENSOR_ZOOM = 13;

const kept = <T extends string>(name: string, values: readonly T[], usual: T): T => {
  const value = localStorage.getItem(`airshed.${name}`) as T | null;
  return value !== null && values.includes(value) ? value : usual;
};

const useKept = <T extends string>(name: string, values: readonly T[], usual: T) => {
  const [value, setValue] = useState<T>(() => kept(name, values, usual));
  const set = (value: T) => {
    localStorage.setItem(`airshed.${name}`, value);
    setValue(value);
  };
  return [value, set] as const;
};

const useDark = (theme: Theme): boolean => {
  const [system, setSystem] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setSystem(media.matches);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, []);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return theme === "auto" ? system : theme === "dark";
};

interface Address {
  tab: Tab;
  sensor: number | null;
  place: Place;
  selection: Selection;
}

const readAddress = (): Address => {
  const query = new URLSearchParams(location.search);
  const sensor = /^\d{1,15}$/.test(query.get("sensor") ?? "") ? Number(query.get("sensor")) : null;
  const tab = TABS.find((tab) => tab === query.get("view")) ?? (sensor === null ? "now" : "sensor");
  const place = (query.get("map") ?? "").split(",").map(Number);
  const usable = place.length === 3 && place.every(Number.isFinite) && Math.abs(place[0]!) <= 85;
  return { tab, sensor, place: usable ? (place as Place) : HOME, selection: fromAddress(query) };
};

const writeAddress = ({ tab, sensor, place, selection }: Address) => {
  const query = new URLSearchParams();
  if (tab !== "now") query.set("view", tab);
  if (sensor !== null) query.set("sensor", String(sensor));
  if (place !== HOME) query.set("map", [place[0].toFixed(4), place[1].toFixed(4), place[2]].join(","));
  toAddress(selection, query);
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
};

export const App = () => {
  const start = useMemo(readAddress, []);
  const [language, setLanguage] = useState<Language>(usual);
  const spoken = useMemo(() => words(language), [language]);
  const { t } = spoken;
  const [palette, setPalette] = useKept<Palette>("palette", ["official", "safe"], "official");
  const [theme, setTheme] = useKept<Theme>("theme", THEMES, "auto");
  const dark = useDark(theme);

  const [tab, setTab] = useState<Tab>(start.tab);
  const [sensor, setSensor] = useState(start.sensor);
  const [wanted, setWanted] = useState<Selection>(start.selection);
  const [place, setPlace] = useState<Place>(start.place);
  const [view, setView] = useState<View | null>(null);
  const [drawing, setDrawing] = useState<Drawing>(null);
  const [goal, setGoal] = useState<{ place: Place } | null>(null);
  const [jobs, setJobs] = useState<Job[]>(current);
  const { known, frame, failure, reachable, reload } = useReadings();
  const [past, setPast] = useState<{ frame: Frame; moment: number } | null>(null);

  const newest = known?.newest ? Date.parse(known.newest) : null;
  const selection = useMemo(() => (newest === null ? wanted : dated(wanted, newest)), [wanted, newest]);

  useEffect(() => onJobs(setJobs), []);
  useEffect(follow, []);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = t.title;
  }, [language]);
  useEffect(() => {
    const timer = setTimeout(() => writeAddress({ tab, sensor, place, selection: wanted }), 200);
    return () => clearTimeout(timer);
  }, [tab, sensor, place, wanted]);

  const choose = (id: number) => {
    setSensor(id);
    setTab("sensor");
    // On a phone the panel is below the map.
    if (matchMedia("(max-width: 60rem)").matches) {
      document.getElementById("panel")?.scrollIntoView({ block: "start" });
    }
  };
  /** A sensor that was not chosen on the map is shown there. */
  const find = (id: number) => {
    choose(id);
    const n = frame?.ids.indexOf(id) ?? -1;
    if (frame && n >= 0 && !Number.isNaN(frame.x[n]!)) {
      const at = [latitudeOf(frame.y[n]!), longitudeOf(frame.x[n]!)] as const;
      setGoal({ place: [...at, Math.max(place[2], SENSOR_ZOOM)] });
    }
  };
  const drawn = (bbox: string | null, at: [number, number] | null) => {
    setDrawing(null);
    if (bbox !== null) setWanted({ ...selection, preset: wanted.preset, area: "bbox", bbox });
    if (at !== null) {
      const radius = Number(wanted.near.split(",")[2]) || 10;
      const near = `${at[0].toFixed(4)},${at[1].toFixed(4)},${radius}`;
      setWanted({ ...wanted, area: "near", near });
    }
  };

  const again = async (job: Job) => {
    const headers = { Accept: "application/json", Prefer: "respond-async" };
    const answer = await ask(`/api/query?${job.query}`, { headers });
    const { id } = (await answer.json()) as { id: string };
    if (id !== job.id) forget(job.id);
    add(id, job.query);
  };

  const active = jobs.filter((job) => job.status === "queued" || job.status === "running").length;
  const titles: [Tab, string][] = [
    ["now", t.tabNow],
    ["ask", t.tabAsk],
    ["jobs", active > 0 ? `${t.tabJobs} (${active})` : t.tabJobs],
    ["sensor", t.tabSensor],
  ];

  return (
    <WordsContext.Provider value={spoken}>
      <a class="skip" href="#panel">
        {t.skip}
      </a>
      <header class="head">
        <div class="name">
          <h1>Airshed</h1>
          <p>{t.tagline}</p>
        </div>
        <p class="state" id="state">
          {known &&
            (known.dataAgeSeconds === null
              ? t.readings("0")
              : `${t.age(spoken.span(known.dataAgeSeconds))} · ${t.readings(spoken.number(known.readings))}`)}
        </p>
        <div class="settings">
          <label>
            <span>{t.language}</span>
            <select
              value={language}
              onChange={(event) => {
                const chosen = event.currentTarget.value as Language;
                localStorage.setItem("airshed.language", chosen);
                setLanguage(chosen);
              }}
            >
              {Object.entries(LANGUAGES).map(([tag, name]) => (
                <option key={tag} value={tag} lang={tag}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span>{t.colours}</span>
            <select value={palette} onChange={(event) => setPalette(event.currentTarget.value as Palette)}>
              <option value="official">{t.official}</option>
              <option value="safe">{t.safe}</option>
            </select>
          </label>
          <label>
            <span>{t.appearance}</span>
            <select value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
              {THEMES.map((theme) => (
                <option key={theme} value={theme}>
                  {t[theme]}
                </option>
              ))}
            </select>
          </label>
        </div>
      </header>
      <Banners known={known} reachable={reachable} failure={failure} onRetry={reload} />
      <main class="layout">
        <section class="map-area" aria-label={t.mapArea}>
          <MapView
            frame={past?.frame ?? frame}
            palette={palette}
            dark={dark}
            chosen={sensor}
            start={start.place}
            fit={start.place === HOME}
            selection={selection}
            drawing={drawing}
            goal={goal}
            onChoose={choose}
            onView={(view, place) => {
              setView(view);
              setPlace((old) => (samePlace(old, place) ? old : place));
            }}
            onDrawn={drawn}
          />
          <Replay
            selection={selection}
            onFrame={(frame, moment) => setPast(frame && { frame, moment: moment! })}
          />
          <Legend palette={palette} />
        </section>
        <section class="panel" id="panel" tabIndex={-1} aria-label={t.tabs}>
          <Tabs tabs={titles} chosen={tab} onChoose={setTab}>
            {tab === "now" && <Overview frame={past?.frame ?? frame} view={view} palette={palette} onChoose={find} />}
            {tab === "ask" && (
              <AskView
                summary={known}
                selection={selection}
                palette={palette}
                viewAsBox={view && boxOf(view)}
                onSelection={setWanted}
                onDraw={setDrawing}
                onJob={() => setTab("jobs")}
              />
            )}
            {tab === "jobs" && <JobsView jobs={jobs} onAgain={again} />}
            {tab === "sensor" && (
              <LazySensor sensor={sensor} newest={newest} palette={palette} dark={dark} onFind={find} />
            )}
          </Tabs>
        </section>
      </main>
      <footer class="foot">
        <p>
          <a href="https://sensor.community/">Sensor.Community</a> · {t.licence} (
          <a href="https://opendatacommons.org/licenses/odbl/1-0/">ODbL</a>,{" "}
          <a href="https://opendatacommons.org/licenses/dbcl/1-0/">DbCL</a>). {t.licenceNote}
        </p>
        <p>
          <a href="/form">{t.plainForm}</a> · <a href="/openapi.json">{t.api}</a> · <a href="/readyz">{t.state}</a> ·{" "}
          <a href="https://uk-air.defra.gov.uk/air-pollution/daqi">{t.daqi}</a>
        </p>
      </footer>
    </WordsContext.Provider>
  );
};

/** With its charts, which most visitors never open. */
const LazySensor = (props: SensorProps) => {
  const { t } = useWords();
  const [View, setView] = useState<((props: SensorProps) => ComponentChild) | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    import("./views/sensor").then(
      ({ SensorView }) => setView(() => SensorView),
      () => setFailed(true),
    );
  }, []);
  if (View) return <View {...props} />;
  // The server is away, or has a newer page by now.
  return failed ? (
    <button type="button" onClick={() => location.reload()}>
      {t.retry}
    </button>
  ) : (
    <p class="note">{t.loading}</p>
  );
};

const samePlace = (a: Place, b: Place) =>
  a[2] === b[2] && Math.abs(a[0] - b[0]) < 1e-6 && Math.abs(a[1] - b[1]) < 1e-6;

/** What is stored, and the latest of each sensor; looked at again each minute, and when the
 * server is back. */
const useReadings = () => {
  const [known, setKnown] = useState<Summary | null>(null);
  const [frame, setFrame] = useState<Frame | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [reachable, setReachable] = useState(true);
  const shown = useRef<string | null>(null);
  const load = useCallback(async (signal?: AbortSignal) => {
    try {
      const now = await summary(signal);
      setKnown(now);
      const version = `${now.newest} ${now.readings}`;
      if (shown.current !== version) {
        const frame = await latest(new URLSearchParams(), signal);
        setFrame(frame);
        // The server may have given out the one before, and make a new one meanwhile.
        if (frame.newest === now.newest) shown.current = version;
        else setTimeout(() => void load(signal), SOON_MS);
      }
      setFailure(null);
    } catch (error) {
      // Unreachable has words of its own.
      if (isAborted(error) || error instanceof TypeError) return;
      setFailure(error instanceof Error ? error.message : String(error));
    }
  }, []);
  useEffect(() => {
    const control = new AbortController();
    void load(control.signal);
    const timer = setInterval(() => {
      if (!document.hidden) void load(control.signal);
    }, LOOK_MS);
    const left = onReachable((now) => {
      setReachable(now);
      if (now) void load(control.signal);
    });
    return () => {
      control.abort();
      clearInterval(timer);
      left();
    };
  }, []);
  return { known, frame, failure, reachable, reload: () => void load() };
};

interface BannerProps {
  known: Summary | null;
  reachable: boolean;
  failure: string | null;
  onRetry: () => void;
}

const Banners = ({ known, reachable, failure, onRetry }: BannerProps) => {
  const { t, span } = useWords();
  const said: string[] = [];
  if (!reachable) said.push(t.offline);
  if (failure !== null) said.push(t.mapFailed(failure));
  if (known?.dataAgeSeconds === null) said.push(t.empty);
  else if (known?.stale) said.push(t.stale(span(known.dataAgeSeconds)));
  if (known?.feed?.failure) said.push(t.feedFailed(known.feed.failure.reason));
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
