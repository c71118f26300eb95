// What the page may say in which state: no verdict and no advice where there is none to give,
// no present tense about the past, and every failure in words. A matrix of states and views.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { folder, launch, open, opened, run, serve, SHOTS, until } from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
  mkdirSync(SHOTS, { recursive: true });
});
after(() => browser.close());

const HOUR = 3_600_000;
const CHOSEN = 7;
const PATHS = { now: "/?view=now", ask: "/?view=ask", jobs: "/?view=jobs", sensor: `/?sensor=${CHOSEN}` };

/** Twelve sensors of one country that nothing is wrong with; `change` makes others of them. */
const sensors = (change = () => ({}), count = 12) =>
  Array.from({ length: count }, (_, n) => {
    const sensor = n + CHOSEN - 6 + (count === 1 ? 6 : 0);
    return { sensor, hours: 0.1, pm10: 20, pm25: 8 + n, latitude: 50 + n / 50, longitude: 8 + n / 50, type: "SDS011", indoor: 0, ...change(sensor) };
  });
const chosen = (change) => sensors((sensor) => (sensor === CHOSEN ? change : {}));

/** A store with these readings. */
const stored = async (t, rows) => {
  const data = folder(t);
  if (rows.length === 0) return data;
  const lines = rows.map((row) => {
    const time = new Date(Date.now() - row.hours * HOUR).toISOString().slice(0, 19);
    return `${time}Z,${row.pm10},${row.pm25},${row.latitude ?? ""},${row.longitude ?? ""},DE,${row.sensor},${row.type},24h,${row.indoor}\n`;
  });
  const file = join(data, "readings.csv");
  writeFileSync(file, `timestamp,P1,P2,loc_lat,loc_long,loc_country,sensor_id,sensor_type,window,indoor\n${lines.join("")}`);
  await run("import", "--data", data, file);
  return data;
};

const alone = (data) => ["server", "--data", data, "--listen", "127.0.0.1:0"];

const ADVICE = /Enjoy being outside/;
const VERDICT = /\d (Low|Moderate|High|Very high)\s+PM10/;
const NOTHING_WRONG = /failed|cannot be|could not|missing/i;
const JOBS = /No jobs\./;
const ROWS = /^\d+ rows, about/m;

/** In each state, and each view: what is said, and what is not. */
const STATES = {
  "nothing wrong": {
    rows: sensors(),
    now: [[/12 sensors in view/, /Highest in view/], [NOTHING_WRONG, /As of/, /not rated and not/]],
    ask: [[ROWS, /timestamp/], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[ADVICE, VERDICT], [NOTHING_WRONG, /– no rating/, /Last reading/]],
  },
  stale: {
    rows: sensors(() => ({ hours: 30 })),
    now: [[/newest readings are 30 h old/, /12 sensors in view/, /As of/], [/\bnow\b/i]],
    ask: [[/newest readings are 30 h old/, /As of/, ROWS], [/\bnow\b/i]],
    jobs: [[/newest readings are 30 h old/, JOBS], [/\bnow\b/i]],
    sensor: [[/newest readings are 30 h old/, /Last reading 30 h ago/, /– no rating/], [ADVICE, VERDICT, /\bnow\b/i]],
  },
  silent: {
    rows: chosen({ hours: 77 }),
    now: [[/11 sensors in view/], [/As of/]],
    ask: [[ROWS], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[/Last reading 3 days ago/, /– no rating/], [ADVICE, VERDICT]],
  },
  "not heard of since 2018": {
    rows: chosen({ hours: 8 * 365 * 24 }),
    now: [[/11 sensors in view/], [/As of/]],
    ask: [[ROWS], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[/no readings in this time/], [ADVICE, VERDICT]],
    also: async (page) => {
      await page.locator(".view.sensor select").selectOption("all");
      await page.getByText(/Last reading 29\d\d days ago/).waitFor();
      assert.doesNotMatch(await page.locator("body").innerText(), ADVICE);
    },
  },
  zero: {
    rows: chosen({ pm10: 0, pm25: 0 }),
    now: [[/12 sensors in view/, /1 sensor is not rated[^\n]*1 at zero/], []],
    ask: [[ROWS], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[/its fan has probably stopped/, /– no rating/], [ADVICE, VERDICT]],
  },
  saturated: {
    rows: chosen({ pm10: 1999.9, pm25: 999.9 }),
    now: [[/1 sensor is not rated[^\n]*1 saturated/], [/Highest in view\s+10/]],
    ask: [[ROWS], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[/limit of its measuring range/, /– no rating/], [VERDICT, /do less outdoors/i]],
  },
  negative: {
    rows: chosen({ pm10: 20, pm25: -1 }),
    now: [[/1 sensor is not rated[^\n]*1 negative/], []],
    ask: [[ROWS], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[/negative value/, /– no rating/], [ADVICE, VERDICT]],
  },
  "particle counts": {
    rows: chosen({ type: "PPD42NS" }),
    now: [[/1 sensor is not rated[^\n]*1 counting particles/], []],
    ask: [[ROWS], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[/counts particles/, /– no rating/], [ADVICE, VERDICT]],
  },
  indoor: {
    rows: chosen({ indoor: 1, pm10: 120, pm25: 95 }),
    now: [[/1 sensor is not rated[^\n]*1 indoors/], [/Highest in view\s+10/]],
    ask: [[ROWS], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[/This sensor is indoors/, /– no rating/], [ADVICE, VERDICT, /outdoors\./]],
  },
  "no place": {
    rows: sensors(() => ({ latitude: undefined, longitude: undefined })),
    now: [[/The map is empty: 12 sensors have reported/], [/no sensors/, /Loading the map/]],
    ask: [[/The map is empty/, ROWS], []],
    jobs: [[/The map is empty/, JOBS], []],
    sensor: [[/The map is empty/, ADVICE, VERDICT], []],
  },
  "a single sensor": {
    rows: sensors(undefined, 1),
    now: [[/1 sensor in view/], [/1 sensors/, /Countries by/]],
    ask: [[/1 rows?, about/], [NOTHING_WRONG]],
    jobs: [[JOBS], [NOTHING_WRONG]],
    sensor: [[ADVICE, VERDICT, /one reading/], [NOTHING_WRONG]],
  },
  empty: {
    rows: [],
    now: [[/There are no readings yet, and this server does not collect/, /There are no sensors to show/, /no past readings yet/], [/Choose/, /Loading the map/]],
    ask: [[/There are no readings yet/, /No matching readings/, /No rows to show/], [/missing/, /Choose dates/, /Estimating/]],
    jobs: [[/There are no readings yet/, JOBS], [/Choose dates/]],
    sensor: [[/There are no readings yet/, /no readings in this time/], [ADVICE, VERDICT, /Choose dates/]],
  },
  "a failing feed": {
    rows: sensors(),
    serve: (data) => ["serve", "--data", data, "--feed", `file:${data}/data.24h.json`, "--listen", "127.0.0.1:0"],
    now: [[/last fetch of the feed failed/, /12 sensors in view/], [/There are no readings/]],
    ask: [[/last fetch of the feed failed/, ROWS], []],
    jobs: [[/last fetch of the feed failed/, JOBS], []],
    sensor: [[/last fetch of the feed failed/, ADVICE], [/Last reading/]],
  },
  replay: {
    rows: [...sensors(() => ({ hours: 20 })), ...sensors()],
    at: () => new Date(Date.now() - 12 * HOUR).toISOString().slice(0, 16),
    now: [[/Looking back:/, /As of/, /12 sensors in view/], [/\bnow\b/i, /\d (s|min|h) old/]],
    ask: [[/Looking back:/, ROWS], [/\bnow\b/i, /\d (s|min|h) old/]],
    jobs: [[/Looking back:/, JOBS], [/\bnow\b/i, /\d (s|min|h) old/]],
    sensor: [[/Looking back:/, VERDICT, /does not describe the current air quality/], [ADVICE, /\bnow\b/i, /\d (s|min|h) old/, /Last reading/]],
  },
  "the server gone": {
    rows: sensors(),
    gone: true,
    now: [[/The server cannot be reached/, /12 sensors in view/], []],
    ask: [[/The server cannot be reached/, /size could not be estimated/, /first rows could not be loaded/], [/Estimating/, /No rows to show/, /Loading/, /missing/]],
    jobs: [[/The server cannot be reached/, JOBS], []],
    sensor: [[/The server cannot be reached/, /readings could not be loaded/], [/Loading/, /no readings in this time/, ADVICE]],
  },
};

const text = (page) => page.locator("body").innerText();

const said = async (page, state, view, [must, mustNot]) => {
  for (const words of must) {
    await until(`${state}, ${view}: ${words}\n${await text(page)}`, async () => words.test(await text(page)), 20);
  }
  const all = await text(page);
  for (const words of mustNot) assert.doesNotMatch(all, words, `${state}, ${view}`);
};

for (const [state, { rows, serve: args = alone, at, gone, also, ...views }] of Object.entries(STATES)) {
  test(state, async (t) => {
    const server = await serve(t, ...args(await stored(t, rows)));
    for (const [view, path] of Object.entries(PATHS)) {
      await t.test(view, async () => {
        const moment = at ? `&at=${at()}` : "";
        // Who is gone cannot be asked for the page: it is opened before, and the view then.
        const page = await open(browser, server.address, gone ? "/" : path + moment);
        if (gone) {
          await page.getByText("12 sensors in view").waitFor();
          // The part of the page with charts is loaded when it is needed.
          await page.getByRole("tab", { name: "Sensor" }).click();
          await page.getByText("Choose a sensor on the map").waitFor();
          await page.route("**/*", (route) => route.abort());
          const names = { now: "Overview", ask: "Get data", jobs: "Jobs", sensor: "Sensor" };
          await page.getByRole("tab", { name: names[view] }).click();
          if (view === "sensor") {
            await page.locator(".finder input").fill(String(CHOSEN));
            await page.getByRole("button", { name: "Find" }).click();
          }
          // Whoever asks for something learns it; the others at the next look, each minute.
          if (view === "now" || view === "jobs") {
            await page.getByRole("button", { name: "Look back" }).click();
            await page.getByText("The readings could not be loaded: the server cannot be reached").waitFor();
            await page.getByRole("button", { name: "Newest" }).click();
          }
        }
        await said(page, state, view, views[view]);
        if (view === "sensor" && also) await also(page);
        assert.deepEqual(page.faults, []);
        await page.screenshot({ path: join(SHOTS, `${state.replaceAll(" ", "-")}-${view}.png`) });
        await page.context().close();
      });
    }
  });
}

const header = (page, words) => page.locator("#state").getByText(words).waitFor();
const at = (page, name) => new URL(page.url()).searchParams.get(name);

test("where one is", async (t) => {
  const past = [20, 16, 12, 8].flatMap((hours) => sensors(() => ({ hours, pm25: 30 })));
  const silent = sensors(() => ({ hours: 77, latitude: 47.5, longitude: 19.1 }), 1).map((row) => ({ ...row, sensor: 99 }));
  const { address } = await serve(t, ...alone(await stored(t, [...past, ...sensors(), ...silent])));

  await t.test("the back button goes back: views, sensors, queries, the past", async () => {
    const page = await opened(browser, address);
    const tab = (name) => page.getByRole("tab", { name, selected: true }).waitFor();
    await page.getByRole("tab", { name: "Get data" }).click();
    await page.locator("[name=country]").selectOption("DE");
    await until("the query has its entry", () => at(page, "country") === "DE");
    await page.getByRole("tab", { name: "Overview" }).click();
    await page.locator(".highest button").first().click();
    await page.getByRole("heading", { name: "Sensor 12" }).waitFor();
    await page.locator(".finder input").fill("5");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("heading", { name: "Sensor 5" }).waitFor();
    await page.getByRole("slider", { name: "Moment" }).press("Home");
    await header(page, /^Looking back:/);

    await page.goBack();
    await header(page, /^Newest readings/);
    await page.getByRole("heading", { name: "Sensor 5" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "Sensor 12" }).waitFor();
    await page.goBack();
    await tab("Overview");
    await page.goBack();
    await tab("Get data");
    await page.getByRole("button", { name: "Remove Germany" }).waitFor();
    await page.goBack();
    await page.getByRole("button", { name: "Remove Germany" }).waitFor({ state: "detached" });
    await page.goBack();
    await tab("Overview");
    await page.goForward();
    await tab("Get data");
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  await t.test("what is typed is one entry, and moving the map is none", async () => {
    const page = await opened(browser, address);
    await page.getByRole("tab", { name: "Get data" }).click();
    await page.locator("[name=sensorType]").evaluate((field) => field.closest("details").open = true);
    const before = await page.evaluate(() => history.length);
    await page.locator("[name=sensorType]").pressSequentially("SDS011");
    await page.locator("#map").focus();
    await page.keyboard.press("ArrowLeft");
    await until("the address has both", () => at(page, "sensorType") === "SDS011" && at(page, "map"));
    assert.equal(await page.evaluate(() => history.length), before + 1);
    await page.context().close();
  });

  await t.test("the moment that is shown is in the address, and a link shows it again", async () => {
    const page = await opened(browser, address, "/?view=now&country=DE");
    const slider = page.getByRole("slider", { name: "Moment" });
    await slider.fill("14");
    await page.locator(".as-of").waitFor();
    const moment = await page.locator(".as-of").innerText();
    await until("the address has it", () => moment.includes(`${at(page, "at")?.slice(11)} UTC`));
    const other = await open(browser, address, new URL(page.url()).search);
    await other.locator(".as-of").getByText(moment).waitFor();
    assert.equal(await other.locator("#state").innerText(), moment.replace("As of", "Looking back:"));
    assert.equal(at(other, "at"), at(page, "at"));
    await other.getByRole("button", { name: "Newest" }).click();
    await header(other, /^Newest readings/);
    assert.equal(at(other, "at"), null);
    assert.deepEqual(page.faults.concat(other.faults), []);
    await other.context().close();
    await page.context().close();
  });

  await t.test("?sensor=ID shows the sensor on the map, also one that has been silent for days", async () => {
    for (const [sensor, latitude, longitude, inView] of [[CHOSEN, 50.12, 8.12, 6], [99, 47.5, 19.1, 0]]) {
      const page = await opened(browser, address, `/?sensor=${sensor}`);
      await page.getByRole("heading", { name: `Sensor ${sensor}` }).waitFor();
      const place = await until("the map is there", () => {
        const place = at(page, "map")?.split(",").map(Number);
        return place && Math.hypot(place[0] - latitude, place[1] - longitude) < 0.01 ? place : null;
      });
      assert.ok(place[2] >= 9 && place[2] <= 13, `near enough: ${place[2]}`);
      await page.getByRole("tab", { name: "Overview" }).click();
      const count = await page.getByText(/sensors? in view|No sensor in this part/).innerText();
      assert.ok((Number.parseInt(count) || 0) >= inView, `among its neighbours: ${count}`);
      await page.getByRole("tab", { name: "Sensor" }).click();
      await page.screenshot({ path: join(SHOTS, `sensor-${sensor}-on-map.png`) });
      await page.context().close();
    }
    // One that nobody knows leaves the map where the sensors are.
    const page = await opened(browser, address, "/?sensor=123456");
    await page.getByText("This sensor has no readings in this time range.").waitFor();
    await until("the map shows the network", () => Number(at(page, "map")?.split(",")[2]) >= 6);
    await page.context().close();
  });
});

test("while it loads, and when that fails", async (t) => {
  const { address } = await serve(t, ...alone(await stored(t, sensors())));
  const failing = (route) =>
    route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"detail":"The store is away."}' });

  await t.test("the first load asks nobody to do anything, and the untouched form has no error", async () => {
    for (const view of ["now", "ask"]) {
      const page = await open(browser, address, "/robots.txt");
      const held = [];
      const asked = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.route("**/api/summary", (route) => held.push(route));
      await page.goto(`${address}/?view=${view}`);
      await until("it asks for the summary", () => held.length > 0);
      const all = await text(page);
      assert.doesNotMatch(all, /Choose|missing|no readings|No sensor/);
      assert.ok(!asked.some((url) => url.includes("/api/estimate")), "what dates it is about is not known");
      for (const route of held) await route.continue();
      await header(page, /^Newest readings/);
      if (view === "ask") await page.getByText(/12 rows, about/).waitFor();
      assert.equal(await page.locator(".bad").count(), 0);
      await page.context().close();
    }
  });

  await t.test("a preview, an estimate or a sum that fails says so, and can be tried again", async () => {
    const page = await open(browser, address, "/robots.txt");
    await page.route("**/api/estimate?*", failing);
    await page.route("**/api/query?*", failing);
    await page.route("**/api/summary?*", failing);
    await page.goto(`${address}/?view=ask`);
    await page.getByText("The first rows could not be loaded: The store is away.").waitFor();
    await page.getByText("The size could not be estimated: The store is away.").waitFor();
    await page.getByRole("button", { name: "Summarise this selection" }).click();
    await page.getByRole("alert").getByText("The store is away.").nth(1).waitFor();
    assert.doesNotMatch(await text(page), /No rows to show|Estimating/);
    await page.unroute("**/api/query?*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".preview tbody tr").nth(11).waitFor();
    await page.context().close();
  });

  await t.test("a map that cannot be loaded is not being loaded", async () => {
    const page = await open(browser, address, "/robots.txt");
    await page.route("**/api/latest?*", failing);
    await page.goto(address);
    await page.getByText("The readings could not be loaded: The store is away.").waitFor();
    assert.doesNotMatch(await text(page), /being loaded|Loading/);
    await page.unroute("**/api/latest?*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("12 sensors in view").waitFor();
    await page.context().close();
  });
});

test("what is left out of a sum is said, and the ranking is by the median", async (t) => {
  const rows = chosen({ indoor: 1, pm25: 380, pm10: 390 }).concat(
    sensors((sensor) => ({ hours: 3, ...(sensor === 3 ? { pm10: 1999.9 } : {}) })),
  );
  const { address } = await serve(t, ...alone(await stored(t, rows)));
  const page = await opened(browser, address, "/?view=ask");
  await page.getByRole("button", { name: "Summarise this selection" }).click();
  await page.getByText("2 readings are excluded from the medians: 1 indoors, 1 saturated.").waitFor();
  const cells = await page.locator(".ranking tbody td").allInnerTexts();
  const { selection } = await (await fetch(`${address}/api/summary?country=DE`)).json();
  assert.deepEqual(cells.slice(0, 2).map(Number), [selection.countries[0].medianAqi, selection.countries[0].medianP2]);
  assert.ok(selection.medianP2 < 20);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("German says the same", async (t) => {
  const rows = sensors((sensor) => (sensor === CHOSEN ? { indoor: 1 } : sensor === 6 ? { hours: 77 } : {}));
  const { address } = await serve(t, ...alone(await stored(t, rows)));
  const page = await opened(browser, address, `/?sensor=${CHOSEN}`, { locale: "de" });
  await page.getByText("Dieser Sensor steht innen.").waitFor();
  assert.doesNotMatch(await text(page), /Sei draußen/);
  await page.locator(".finder input").fill("6");
  await page.getByRole("button", { name: "Suchen" }).click();
  await page.getByText(/Zuletzt am .* gemeldet. Das ist 3 Tage her/).waitFor();
  await page.getByRole("tab", { name: "Überblick" }).click();
  await page.getByRole("slider").press("Home");
  await header(page, /^Rückblick:/);
  assert.doesNotMatch(await text(page), /jetzt/i);
  await page.context().close();
});
