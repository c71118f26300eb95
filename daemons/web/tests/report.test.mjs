// The load tester's report, as it opens in a browser.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { AIRSHED, demo, folder, launch, SHOTS } from "./support.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const run = promisify(execFile);

test("the report of a load test", async (t) => {
  const { address } = await demo(t, "--sensors", "2000", "--in-flight", "5");
  const { newest } = await (await fetch(`${address}/api/summary`)).json();
  const hour = new Date(Date.parse(newest) - 3_600_000).toISOString();
  const query = JSON.stringify({ startDate: hour, endDate: newest, country: "DE", range: "Low" });
  const data = folder(t);
  const [first, report] = [join(data, "first.json"), join(data, "report.html")];
  const steps = ["--steps", "10/10,100/50,200/100", "--query", query];

  const before = await run(AIRSHED, ["loadtest", address, ...steps, "--json"]);
  writeFileSync(first, before.stdout);
  const after = await run(AIRSHED, ["loadtest", address, ...steps, "--report", report, "--compare", first]);

  await t.test("the summary speaks as the report did", () => {
    for (const words of ["Success count: 200", "Error count: 0", "Average response time: 0.", "as jobs"]) {
      assert.ok(after.stdout.includes(words), after.stdout);
    }
    assert.equal(JSON.parse(before.stdout).steps.length, 3);
  });

  await t.test("the page stands alone, and can be read light, dark and printed", async () => {
    const browser = await launch();
    t.after(() => browser.close());
    mkdirSync(SHOTS, { recursive: true });
    for (const colorScheme of ["light", "dark"]) {
      const page = await (await browser.newContext({ colorScheme, viewport: { width: 1000, height: 900 } })).newPage();
      const asked = [];
      page.on("request", (request) => asked.push(request.url()));
      const faults = [];
      page.on("pageerror", (error) => faults.push(error.message));
      await page.goto(`file://${report}`);
      assert.equal(await page.getByRole("img").count(), 4);
      // Axes and units are labelled, whatever the steps measured.
      for (const words of ["requests / concurrent", "response time", "errors", "share of the requests"]) {
        assert.ok((await page.locator("svg text", { hasText: words }).count()) > 0, words);
      }
      assert.ok((await page.locator("svg text", { hasText: /\d (µs|ms|s)\s*$/ }).count()) > 2);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document));
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
      const ink = await page.locator("svg text").first().evaluate((text) => getComputedStyle(text).fill);
      const body = await page.evaluate(() => getComputedStyle(document.body).color);
      assert.equal(ink, body, "the figures are written in the colour of the text");
      assert.deepEqual(asked, [`file://${report}`]);
      assert.deepEqual(faults, []);
      await page.screenshot({ path: join(SHOTS, `report-${colorScheme}.png`), fullPage: true });
      await page.emulateMedia({ media: "print" });
      await page.setViewportSize({ width: 780, height: 1100 });
      const fits = await page.evaluate(() => [...document.querySelectorAll(".wide")].every((box) => box.scrollWidth <= box.clientWidth + 1));
      assert.ok(fits, "no column is cut on paper");
      await page.screenshot({ path: join(SHOTS, "report-print.png"), fullPage: true });
      await page.context().close();
    }
  });
});
