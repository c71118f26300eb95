// What the views look like, to people and to tools: accessibility, keyboard, languages, print,
// sizes; and screenshots to be looked at.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { demo, launch, opened, serve, SHOTS, until } from "./support.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const dist = resolve(import.meta.dirname, "../dist");

let browser;
before(async () => {
  browser = await launch();
  mkdirSync(SHOTS, { recursive: true });
});
after(() => browser.close());

const VIEWS = ["now", "ask", "jobs", "sensor"];

const violations = async (page) => {
  // In the page's own world, past its content policy, which forbids such a script.
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
  assert.ok(passes.some(({ id }) => id === "color-contrast"), "it looked at the contrast");
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
};

/** Nothing sticks out to the right, and no text is cut by its own box. */
const cutTexts = (page) =>
  page.evaluate(() => {
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    const cut = [...document.querySelectorAll("button, h1, h2, h3, p, th, td, legend, label")]
      .filter((element) => element.checkVisibility() && !element.closest(".hidden, .scroll, [aria-hidden]"))
      .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
      .filter((element) => getComputedStyle(element).display !== "inline")
      .map((element) => element.outerHTML.slice(0, 100));
    return wide ? ["the page is wider than the window", ...cut] : cut;
  });

test("looks", async (t) => {
  const { address } = await demo(t, "--sensors", "6000");
  const { features } = await (await fetch(`${address}/api/latest?country=DE`)).json();
  const sensor = features.find(({ properties }) => properties.AQI !== null && !properties.flags).id;
  const pathOf = (view) => `/?view=${view}${view === "sensor" ? `&sensor=${sensor}` : ""}${view === "ask" ? "&country=DE,FR&minAqi=2" : ""}`;
  const settled = async (page, view) => {
    if (view === "sensor") await page.locator(".chart canvas").nth(1).waitFor();
    if (view === "ask") await page.locator(".preview tbody tr").first().waitFor();
    if (view === "ask") await page.getByText(/rows, about/).waitFor();
  };

  for (const colorScheme of ["light", "dark"]) {
    for (const [device, viewport] of [["desktop", { width: 1280, height: 800 }], ["phone", { width: 390, height: 844 }]]) {
      await t.test(`${device}, ${colorScheme}: no violation, nothing cut`, async () => {
        for (const view of VIEWS) {
          const page = await opened(browser, address, pathOf(view), { colorScheme, viewport });
          await settled(page, view);
          assert.deepEqual(await violations(page), [], view);
          assert.deepEqual(await cutTexts(page), [], view);
          assert.deepEqual(page.faults, []);
          assert.deepEqual(page.strangers, []);
          await page.screenshot({ path: join(SHOTS, `${view}-${device}-${colorScheme}.png`), fullPage: device === "phone" });
          await page.context().close();
        }
      });
    }
  }

  await t.test("the plain form: no violation, nothing cut", async () => {
    for (const colorScheme of ["light", "dark"]) {
      const page = await plain(browser, `${address}/form`, { colorScheme });
      assert.deepEqual(await violations(page), []);
      assert.deepEqual(await cutTexts(page), []);
      await page.screenshot({ path: join(SHOTS, `form-${colorScheme}.png`), fullPage: true });
      await page.context().close();
    }
  });

  await t.test("German by the browser's language, and switchable", async () => {
    const page = await opened(browser, address, "/", { locale: "de-AT" });
    assert.equal(await page.locator("html").getAttribute("lang"), "de");
    for (const tab of ["Überblick", "Abfrage", "Aufträge", "Sensor"]) {
      await page.getByRole("tab", { name: tab }).click();
      assert.deepEqual(await cutTexts(page), [], tab);
    }
    assert.deepEqual(await violations(page), []);
    await page.getByLabel("Sprache").selectOption("en");
    await page.getByRole("tab", { name: "Get data" }).waitFor();
    await page.reload();
    await page.getByRole("tab", { name: "Get data" }).waitFor();
    await page.context().close();
  });

  await t.test("with the keyboard alone: from the map's list to a sensor and to a file", async () => {
    const page = await opened(browser, address);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the panel");
    await page.keyboard.press("Enter");
    const focus = () => page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.textContent);
    await until("the panel has the focus", async () => (await focus()) === "panel");
    await page.keyboard.press("Tab");
    assert.equal(await focus(), "tab-now");
    await page.keyboard.press("ArrowRight");
    await page.getByRole("tab", { name: "Get data", selected: true }).waitFor();
    assert.equal(await focus(), "tab-ask");
    for (let n = 0; n < 60 && (await focus()) !== "Get the file"; n += 1) await page.keyboard.press("Tab");
    assert.equal(await focus(), "Get the file");
    const download = page.waitForEvent("download");
    await page.keyboard.press("Enter");
    await download;
    await page.locator("#tab-ask").focus();
    await page.keyboard.press("ArrowLeft");
    for (let n = 0; n < 10 && !(await page.evaluate(() => document.activeElement.closest(".highest") !== null)); n += 1) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /^Sensor \d+/ }).waitFor();
    // And the map itself moves.
    const place = () => new URL(page.url()).searchParams.get("map");
    await page.locator("#map").focus();
    const before = place();
    await page.keyboard.press("ArrowLeft");
    await until("the map has moved", () => place() !== before);
    await page.context().close();
  });

  await t.test("other colours, kept, and readable by number alone", async () => {
    const page = await opened(browser, address);
    const first = page.locator(".legend .swatches span").first();
    const official = await first.evaluate((element) => getComputedStyle(element).backgroundColor);
    await page.getByLabel("Colours").selectOption("safe");
    const safe = await first.evaluate((element) => getComputedStyle(element).backgroundColor);
    assert.notEqual(safe, official);
    assert.equal(await first.innerText(), "1");
    await page.reload();
    await page.locator(".legend").waitFor();
    assert.equal(await first.evaluate((element) => getComputedStyle(element).backgroundColor), safe);
    assert.deepEqual(await violations(page), []);
    await page.screenshot({ path: join(SHOTS, "now-safe.png") });
    await page.context().close();
  });

  await t.test("printed, it has no controls and keeps its contents", async () => {
    const page = await opened(browser, address, pathOf("sensor"));
    await settled(page, "sensor");
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator(".settings").isVisible(), false);
    assert.ok(await page.getByRole("heading", { name: `Sensor ${sensor}` }).isVisible());
    await page.setViewportSize({ width: 780, height: 1100 });
    await page.screenshot({ path: join(SHOTS, "sensor-print.png"), fullPage: true });
    await page.context().close();
  });

  await t.test("a click on the map shows what is under it", async () => {
    const page = await opened(browser, address);
    const { features } = await (await fetch(`${address}/api/latest?country=LU`)).json();
    const placed = features.find(({ geometry }) => geometry !== null);
    const [longitude, latitude] = placed.geometry.coordinates;
    await page.goto(`${address}/?map=${latitude},${longitude},15`);
    await page.locator(".map-note").waitFor({ state: "detached" });
    const box = await page.locator("#map").boundingBox();
    await until("the sensor is found", async () => {
      await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
      return page.getByRole("heading", { name: `Sensor ${placed.id}` }).isVisible();
    });
    await page.context().close();
  });

  await t.test("the content policy allows nothing inline and nothing from elsewhere", async () => {
    const { headers } = await fetch(address);
    const policy = headers.get("content-security-policy");
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  });

  await t.test("the scripts are at most 300 KB compressed", () => {
    const files = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".js"));
    const bytes = files.map((name) => gzipSync(readFileSync(join(dist, "assets", name))).length);
    const sum = bytes.reduce((a, b) => a + b, 0);
    assert.ok(sum > 0 && sum <= 300_000, `${sum} bytes`);
    assert.ok(statSync(join(dist, "index.html")).size < 5000);
  });
});

const plain = async (browser, url, options) => {
  const page = await (await browser.newContext({ locale: "en-GB", ...options })).newPage();
  await page.goto(url);
  return page;
};

test("25,000 sensors at once are at most 400 KB compressed", async (t) => {
  // Of the simulated records somewhat more than half carry particulate matter.
  const args = ["--sensors", "48000", "--history", "0", "--schedule", "0 0 1 1 *", "--listen", "127.0.0.1:0"];
  const { address } = await serve(t, "demo", ...args);
  const stored = async () => (await (await fetch(`${address}/api/summary`)).json()).readings;
  await until("all are stored", async () => (await stored()) >= 25_000);
  const { features } = await (await fetch(`${address}/api/latest`)).json();
  assert.ok(features.length >= 25_000, `${features.length}`);
  for (const encoding of ["gzip", "zstd"]) {
    const answer = await fetch(`${address}/api/latest`, { headers: { "Accept-Encoding": encoding } });
    t.diagnostic(`${encoding}: ${answer.headers.get("content-length")} bytes for ${features.length} sensors`);
    assert.ok(Number(answer.headers.get("content-length")) <= 400_000);
  }
  // And the page bears them.
  const page = await opened(browser, address);
  await page.getByText(/\d sensors in view/).waitFor();
  await page.context().close();
});
