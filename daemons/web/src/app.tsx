// The page: what is shown beside the map, and what the address says of it.

import type { ComponentChild } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Address, readAddress, type Tab, useHistory } from "./address";
import { ageOf, ask } from "./api";
import { type Palette, scale } from "./index-scale";
import { add, current, follow, forget, type Job, onJobs } from "./jobs";
import { Legend } from "./map/legend";
import { boxOf, type Drawing, type Located, MapView, type Place } from "./map/map";
import { type Frame, placeOf, type View } from "./map/frame";
import { Replay } from "./map/replay";
import { useNow, useReadings } from "./readings";
import type { SensorId } from "./sensor-id";
import { dated, endOf, type Selection } from "./selection";
import { LANGUAGES, type Language, useWords, usual, words, WordsContext } from "./texts";
import { AskView } from "./views/ask";
import { Banners } from "./views/banners";
import { JobsView } from "./views/jobs";
import { Overview } from "./views/overview";
import type { SensorProps } from "./views/sensor";
import { Tabs } from "./views/tabs";

type Theme = "auto" | "light" | "dark";
const THEMES: Theme[] = ["auto", "light", "dark"];

/** How often the page looks how old its readings are by now. */
const AGE_MS = 10_000;

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

export const App = () => {
  const [language, setLanguage] = useState<Language>(usual);
  const spoken = useMemo(() => words(language), [language]);
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = spoken.t.title;
  }, [language]);
  return (
    <WordsContext.Provider value={spoken}>
      <Whole onLanguage={setLanguage} />
    </WordsContext.Provider>
  );
};

const Whole = ({ onLanguage }: { onLanguage: (language: Language) => void }) => {
  const start = useMemo(readAddress, []);
  const spoken = useWords();
  const { t, language } = spoken;
  const [palette, setPalette] = useKept<Palette>("palette", ["official", "safe"], "official");
  const [theme, setTheme] = useKept<Theme>("theme", THEMES, "auto");
  const dark = useDark(theme);

  const [tab, setTab] = useState<Tab>(start.tab);
  const [sensor, setSensor] = useState(start.sensor);
  const [moment, setMoment] = useState(start.moment);
  const [wanted, setWanted] = useState<Selection>(start.selection);
  const [place, setPlace] = useState<Place | null>(start.place);
  const [view, setView] = useState<View | null>(null);
  const [drawing, setDrawing] = useState<Drawing>(null);
  const [goal, setGoal] = useState<{ place: Place } | null>(null);
  const [jobs, setJobs] = useState<Job[]>(current);
  const [past, setPast] = useState<{ frame: Frame | null; failed: boolean }>({ frame: null, failed: false });
  const { known, frame, failure, reachable, reload } = useReadings();

  const now = useNow(AGE_MS);
  const age = known && ageOf(known, now);
  const stale = known !== null && age !== null && age > known.staleAfterSeconds;
  const shown = moment === null ? frame : past.frame;
  const failed = moment === null ? failure !== null || !reachable : past.failed;
  const newest = known?.newest ? Date.parse(known.newest) : null;
  const asOf = moment ?? (stale ? newest : null);
  // Without readings the form's dates count from the present, as soon as that is known.
  const unknown = known === null && failure === null && reachable;
  const opened = useMemo(Date.now, []);
  const counted = newest ?? (unknown ? null : opened);
  const end = endOf(counted, known?.last ? Date.parse(known.last) : null);
  const selection = useMemo(
    () => (counted === null || end === null ? wanted : dated(wanted, counted, end)),
    [wanted, counted, end],
  );

  useEffect(() => onJobs(setJobs), []);
  useEffect(follow, []);
  useHistory({ tab, sensor, moment, place, selection: wanted }, (address: Address) => {
    setTab(address.tab);
    setSensor(address.sensor);
    setMoment(address.moment);
    setWanted(address.selection);
    if (address.place) setGoal({ place: address.place });
  });

  const choose = (id: SensorId) => {
    setSensor(id);
    setTab("sensor");
    // On a phone the panel is below the map.
    if (matchMedia("(max-width: 60rem)").matches) {
      document.getElementById("panel")?.scrollIntoView({ block: "start" });
    }
  };

  // A sensor that was not chosen on the map is shown there: by the map's own readings, or by
  // its series, where it has been silent for too long to be on the map.
  const [awaited, setAwaited] = useState(start.place === null ? start.sensor : null);
  const [fit, setFit] = useState(start.place === null && start.sensor === null);
  const [located, setLocated] = useState<Located | null>(null);
  const show = (found: readonly [number, number] | null) => {
    setAwaited(null);
    if (found) setGoal({ place: [...found, Math.max(place?.[2] ?? 0, SENSOR_ZOOM)] });
    else if (start.place === null) setFit(true);
  };
  useEffect(() => {
    if (awaited === null || !shown) return;
    const found = placeOf(shown, awaited);
    if (found || tab !== "sensor") show(found);
  }, [awaited, shown, tab]);
  const locate = (found: Located | null) => {
    setLocated(found);
    if (awaited !== null && (found === null || found.sensor === awaited)) show(found && found.place);
  };
  const find = (id: SensorId) => {
    setAwaited(id);
    choose(id);
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
    <>
      <a class="skip" href="#panel">
        {t.skip}
      </a>
      <header class="head">
        <div class="name">
          <h1>Airshed</h1>
          <p>{t.tagline}</p>
        </div>
        <p class="state" id="state">
          {moment !== null
            ? t.lookingBack(spoken.moment(moment))
            : known &&
              (age === null
                ? t.readings("0")
                : `${t.age(spoken.span(age))} · ${t.readings(spoken.number(known.readings))}`)}
        </p>
        <div class="settings">
          <label>
            <span>{t.language}</span>
            <select
              value={language}
              onChange={(event) => {
                const chosen = event.currentTarget.value as Language;
                localStorage.setItem("airshed.language", chosen);
                onLanguage(chosen);
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
      <Banners
        known={known}
        age={age}
        stale={stale}
        past={moment !== null}
        reachable={reachable}
        failure={failure}
        onRetry={reload}
      />
      <main class="layout">
        <section class="map-area" aria-label={t.mapArea}>
          <MapView
            frame={shown}
            failed={failed}
            asOf={asOf}
            palette={palette}
            dark={dark}
            chosen={sensor}
            located={located}
            start={start.place ?? HOME}
            fit={fit}
            selection={selection}
            drawing={drawing}
            goal={goal}
            onChoose={choose}
            onView={(view, place) => {
              setView(view);
              setPlace((old) => (samePlace(old ?? HOME, place) ? old : place));
            }}
            onDrawn={drawn}
          />
          <Replay
            selection={selection}
            state={unknown ? "loading" : newest === null ? "empty" : "ready"}
            moment={moment}
            onMoment={setMoment}
            onFrame={(frame, failed) => setPast({ frame, failed })}
          />
          <Legend palette={palette} />
        </section>
        <section class="panel" id="panel" tabIndex={-1} aria-label={t.tabs}>
          <Tabs tabs={titles} chosen={tab} onChoose={setTab}>
            {tab === "now" && (
              <Overview
                frame={shown}
                failed={failed}
                view={view}
                asOf={asOf}
                palette={palette}
                onChoose={find}
              />
            )}
            {tab === "ask" && (
              <AskView
                summary={known}
                selection={unknown ? null : selection}
                reachable={reachable}
                palette={palette}
                viewAsBox={view && boxOf(view)}
                onSelection={setWanted}
                onDraw={setDrawing}
                onJob={() => setTab("jobs")}
              />
            )}
            {tab === "jobs" && <JobsView jobs={jobs} onAgain={again} />}
            {tab === "sensor" && (
              <LazySensor
                sensor={sensor}
                newest={counted}
                moment={moment}
                stale={stale}
                reachable={reachable}
                palette={palette}
                dark={dark}
                onFind={find}
                onLocated={locate}
              />
            )}
          </Tabs>
        </section>
      </main>
      <footer class="foot">
        <p>
          {scale.attribution.startsWith("Sensor.Community") && scale.licences.length === 1 ? (
            <>
              <a href="https://sensor.community/">Sensor.Community</a> · {t.licence} (
              <a href="https://opendatacommons.org/licenses/odbl/1-0/">ODbL</a>,{" "}
              <a href="https://opendatacommons.org/licenses/dbcl/1-0/">DbCL</a>).
            </>
          ) : (
            <>
              <strong>{t.dataOf(scale.attribution)}</strong>
              {scale.licences.map((licence) => (
                <>
                  {" "}
                  (<a href={licence}>{t.licenceOf}</a>)
                </>
              ))}
              .
            </>
          )}{" "}
          {t.licenceNote}
        </p>
        <p>
          <a href="/form">{t.plainForm}</a> · <a href="/openapi.json">{t.api}</a> · <a href="/readyz">{t.state}</a> ·{" "}
          {scale.advice && <a href={scale.advice}>{t.aboutIndex(scale.name)}</a>}
        </p>
      </footer>
    </>
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
