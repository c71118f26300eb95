// From the page to the file: filters, formats, the address, nonsense, nothing and much.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { contents, demo, fetched, folder, launch, open, opened, run, serve, until } from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const choose = (page, name, value) => page.locator(`[name=${name}]`).selectOption(value);

test("the whole path", async (t) => {
  const { address } = await demo(t, "--sensors", "3000");
  const { newest } = await (await fetch(`${address}/api/summary`)).json();

  await t.test("a filtered CSV is what the API gives, byte for byte", async () => {
    const page = await opened(browser, address);
    await page.getByRole("tab", { name: "Get data" }).click();
    await choose(page, "country", "DE");
    await page.locator("[name=maxAqi]").fill("3");
    await page.getByText(/^\d[\d,]* rows, about/).waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Get the file" }).click();
    const got = await contents(await download);
    const fields = new URLSearchParams({
      startDate: `${await page.locator("[name=startDate]").inputValue()}:00`,
      endDate: `${await page.locator("[name=endDate]").inputValue()}:59`,
      country: "DE",
      maxAqi: "3",
    });
    const expected = await fetched(address, fields);
    assert.ok(expected.length > 10_000);
    assert.ok(got.equals(expected));
    const rows = expected.toString().trim().split("\n").length - 1;
    const said = await page.locator(".estimate").innerText();
    assert.match(said, new RegExp(`^${rows.toLocaleString("en")} rows`));
    assert.deepEqual(page.faults, []);
    assert.deepEqual(page.strangers, []);
    await page.context().close();
  });

  await t.test("every format arrives as the API has it", async () => {
    const page = await opened(browser, address, "/?view=ask&country=LU");
    const fields = {
      csv: {}, spreadsheet: { decimal: "comma", bom: "true" }, json: { format: "json" },
      geojson: { format: "geojson" }, parquet: { format: "parquet" }, arrow: { format: "arrow" },
    };
    for (const [format, more] of Object.entries(fields)) {
      await choose(page, "format", format);
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Get the file" }).click();
      const got = await contents(await download);
      const when = {
        startDate: `${await page.locator("[name=startDate]").inputValue()}:00`,
        endDate: `${await page.locator("[name=endDate]").inputValue()}:59`,
      };
      const expected = await fetched(address, new URLSearchParams({ ...when, country: "LU", ...more }));
      assert.ok(got.equals(expected), format);
    }
    await page.context().close();
  });

  await t.test("the address carries the whole view, also to somebody else", async () => {
    const page = await opened(browser, address);
    await page.getByRole("tab", { name: "Get data" }).click();
    await choose(page, "country", "DE");
    await choose(page, "country", "FR");
    await page.locator("[name=minAqi]").fill("2");
    await choose(page, "area", "near");
    await page.locator("[name=near]").fill("50.1,8.6,150");
    await choose(page, "format", "parquet");
    await page.locator("[name=columns]").check();
    await until("the address has it", () => page.url().includes("near=50.1,8.6,150"));
    const other = await opened(browser, address, new URL(page.url()).search);
    assert.equal(await other.getByRole("tab", { selected: true }).innerText(), "Get data");
    for (const name of ["minAqi", "near", "format"]) {
      assert.equal(
        await other.locator(`[name=${name}]`).inputValue(),
        await page.locator(`[name=${name}]`).inputValue(),
      );
    }
    await other.getByRole("button", { name: "Remove France" }).waitFor();
    assert.ok(await other.locator("[name=columns]").isChecked());
    const sum = await page.locator(".estimate").innerText();
    await other.locator(".estimate").getByText(sum).waitFor();
    await other.context().close();
    await page.context().close();
  });

  await t.test("the first rows are shown, and sort", async () => {
    const page = await opened(browser, address, "/?view=ask&country=PL");
    await page.locator(".preview tbody tr").first().waitFor();
    assert.equal(await page.locator(".preview tbody tr").count(), 50);
    const pm10 = page.locator(".preview tbody td:nth-child(4)");
    await page.getByRole("button", { name: "P1", exact: true }).click();
    await page.locator("th[aria-sort=ascending]").waitFor();
    const values = (texts) => texts.filter((text) => text !== "").map(Number);
    const up = await pm10.allInnerTexts();
    assert.equal(up.length, 50);
    assert.deepEqual(values(up), values(up).toSorted((a, b) => a - b));
    const missing = new Array(50 - values(up).length).fill("");
    assert.deepEqual(up.slice(values(up).length), missing, "readings without a value are last");
    await page.getByRole("button", { name: /^P1/ }).click();
    await page.locator("th[aria-sort=descending]").waitFor();
    const down = await pm10.allInnerTexts();
    assert.deepEqual(values(down), values(up).toReversed());
    assert.deepEqual(down.slice(values(down).length), missing, "and stay last");
    assert.equal(await page.locator("th[aria-sort=descending]").count(), 1);
    await page.context().close();
  });

  await t.test("a selection is summed up: the counts are those of the file", async () => {
    const page = await opened(browser, address, "/?view=ask&country=NL,BE");
    await page.getByRole("button", { name: "Summarise this selection" }).click();
    await page.locator(".histogram").waitFor();
    const shown = (await page.locator(".histogram td").allInnerTexts()).map((text) => Number(text.replaceAll(/\D/g, "")));
    const when = {
      startDate: `${await page.locator("[name=startDate]").inputValue()}:00`,
      endDate: `${await page.locator("[name=endDate]").inputValue()}:59`,
    };
    const file = await fetched(address, new URLSearchParams({ ...when, country: "NL,BE", quality: "plausible", columns: "AQI" }));
    const counts = new Array(10).fill(0);
    for (const line of file.toString().trim().split("\n").slice(1)) if (line) counts[Number(line) - 1] += 1;
    assert.deepEqual(shown, counts);
    await page.context().close();
  });

  await t.test("nonsense in every field is answered beside it, and harms nothing", async () => {
    const page = await opened(browser, address, "/?view=ask");
    const refused = async (name, value, words) => {
      const field = page.locator(`[name=${name}]`);
      const before = await field.inputValue();
      await field.fill(value);
      await page.locator(`label:has([name=${name}]) .bad`).getByText(words).waitFor();
      await field.fill(before);
      await page.locator("label .bad").waitFor({ state: "detached" });
    };
    await refused("minAqi", "99", /integer from 1 to 10/);
    await refused("maxAqi", "-3.5", /integer from 1 to 10/);
    await page.locator("[name=startDate]").fill("2999-01-01T00:00");
    await page.locator("label:has([name=endDate]) .bad").getByText(/before startDate/).waitFor();
    await page.getByRole("radio", { name: "Last 24 hours" }).check();
    await choose(page, "area", "bbox");
    await refused("bbox", "<script>alert(1)</script>", /west,south,east,north/);
    await choose(page, "area", "near");
    await refused("near", "'; DROP TABLE readings; --", /latitude,longitude,kilometres/);
    await choose(page, "area", "");
    await page.getByText("More filters").click();
    await refused("sensorType", "\u{1F4A9}\"<b>", /./);
    await page.getByRole("tab", { name: "Sensor" }).click();
    const finder = page.locator(".finder input");
    for (const text of ["abc", "-1", "1e9", "9".repeat(40), "<img src=x onerror=alert(1)>"]) {
      await finder.fill(text);
      assert.ok(await page.getByRole("button", { name: "Find" }).isDisabled(), text);
    }
    await finder.fill("999999999");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("This sensor has no readings in this time range.").waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  await t.test("nonsense in the address is left aside", async () => {
    const addresses = [
      "?view=../../etc&sensor=<script>&map=a,b,c&country=,,,&format=exe&area=moon",
      "?map=99,999,99&when=never&from=x&to=y&view=ask",
      "?sensor=-1&view=sensor&minAqi=%00",
    ];
    for (const text of addresses) {
      const page = await opened(browser, address, text);
      await page.getByRole("tablist").waitFor();
      assert.deepEqual(page.faults, [], text);
      await page.context().close();
    }
  });

  await t.test("no rows: in words, before and after asking", async () => {
    const page = await opened(browser, address, "/?view=ask&from=1999-01-01T00:00&to=1999-01-02T00:00");
    await page.getByText("No matching readings.").waitFor();
    await page.getByText("No rows to show.").waitFor();
    await page.getByRole("button", { name: "Get the file" }).click();
    await page.locator("#answer").getByText("No data found.").waitFor();
    await page.context().close();
  });

  await t.test("a sensor over time, with its download", async () => {
    const { features } = await (await fetch(`${address}/api/latest?country=DE`)).json();
    const sensor = features.find(({ properties }) => properties.AQI !== null).id;
    const page = await opened(browser, address, `/?view=sensor&sensor=${sensor}`);
    await page.getByRole("heading", { name: `Sensor ${sensor}` }).waitFor();
    await page.locator(".chart canvas").nth(1).waitFor();
    await page.getByText("25 of 25").waitFor();
    await page.getByText("Values as a table").click();
    const series = await (await fetch(`${address}/api/series?sensor=${sensor}`)).json();
    assert.equal(await page.locator("details tbody tr").count(), series.timestamp.length);
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download these readings" }).click();
    const got = (await contents(await download)).toString().trim().split("\n");
    assert.equal(got.length - 1, series.timestamp.length);
    assert.ok(got.slice(1).every((line) => line.includes(`,${sensor},`)));
    await page.context().close();
  });

  await t.test("the past is replayed: each moment as the API has it", async () => {
    const page = await opened(browser, address, "/?view=now");
    const asked = [];
    page.on("request", (request) => {
      if (request.url().includes("/api/latest?")) asked.push(new URL(request.url()).searchParams);
    });
    const slider = page.getByRole("slider", { name: "Moment" });
    await slider.focus();
    await slider.press("Home");
    await page.getByRole("button", { name: "Newest" }).and(page.locator(":enabled")).waitFor();
    await until("a frame was asked for", () => asked.length > 0);
    assert.ok(Date.parse(asked[0].get("endDate")) < Date.parse(newest) - 20 * 3_600_000);
    await page.getByRole("button", { name: "Play" }).click();
    await until("it plays", () => asked.length > 3);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Newest" }).click();
    await page.getByText("Uses the dates and filters").waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  await t.test("a box is drawn on the map, and filters", async () => {
    const page = await opened(browser, address, "/?view=ask&area=bbox");
    await page.getByRole("button", { name: "Draw on the map" }).click();
    const map = await page.locator("#map").boundingBox();
    await page.mouse.move(map.x + 200, map.y + 150);
    await page.mouse.down();
    await page.mouse.move(map.x + 500, map.y + 350, { steps: 5 });
    await page.mouse.up();
    const bbox = await page.locator("[name=bbox]").inputValue();
    const [west, south, east, north] = bbox.split(",").map(Number);
    assert.ok(west < east && south < north, bbox);
    await page.locator("path.drawn").waitFor({ state: "attached" });
    await page.getByText(/^\d[\d,]* rows, about/).waitFor();
    await page.context().close();
  });

  await t.test("curl and the link are copied", async () => {
    const page = await opened(browser, address, "/?view=ask&country=DE", {
      permissions: ["clipboard-read", "clipboard-write"],
    });
    await page.getByRole("button", { name: "Copy as curl" }).click();
    await page.getByText("Copied.").waitFor();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    const query = /api\/query\?([^']+)'/.exec(command)[1];
    assert.ok((await fetched(address, query)).length > 1000);
    await page.context().close();
  });

  await t.test("without scripts the form delivers the CSV", async () => {
    for (const path of ["/", "/form"]) {
      const page = await open(browser, address, path, { javaScriptEnabled: false });
      await page.locator("select[name=country]").selectOption("DE");
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "Submit" }).click();
      const got = await contents(await download);
      assert.match(got.toString(), /^id,timestamp,P1,P2,/);
      assert.ok(got.length > 10_000);
      await page.context().close();
    }
  });
});

test("a sensor named like a script", async (t) => {
  const data = folder(t);
  const file = join(data, "readings.csv");
  const hostile = "<img src=x onerror=alert(1)>";
  const row = (sensor, type) => `2026-01-01T00:00:00Z,12,5,50.1,8.6,DE,${sensor},${type},24h\n`;
  const header = "timestamp,P1,P2,loc_lat,loc_long,loc_country,sensor_id,sensor_type,window\n";

  await t.test("is not kept", async (t) => {
    const data = folder(t);
    writeFileSync(file, header + row(7, hostile));
    await run("import", "--data", data, file);
    const { address } = await serve(t, "server", "--data", data, "--listen", "127.0.0.1:0");
    const series = await (await fetch(`${address}/api/series?sensor=7`)).json();
    assert.deepEqual([series.sensor, series.sensorType, series.P1], [7, "unreadable", [12]]);
  });

  await t.test("stays text where a server says it all the same", async (t) => {
    writeFileSync(file, header + row(7, "SDS011"));
    await run("import", "--data", data, file);
    const { address } = await serve(t, "server", "--data", data, "--listen", "127.0.0.1:0");
    const page = await opened(browser, address);
    let alerted = false;
    page.on("dialog", (dialog) => {
      alerted = true;
      void dialog.dismiss();
    });
    await page.route("**/api/series?*", async (route) => {
      const answer = await route.fetch();
      const series = await answer.json();
      series.sensorType = hostile;
      series.location.country = hostile;
      series.flags = [hostile];
      await route.fulfill({ response: answer, json: series });
    });
    await page.locator(".finder input").fill("7");
    await page.getByRole("button", { name: "Find" }).click();
    await page.locator(".facts").waitFor();
    const facts = await page.locator(".facts").innerText();
    assert.equal(facts.split(hostile).length - 1, 3, facts);
    assert.equal(await page.locator(".facts img").count(), 0);
    assert.equal(alerted, false);
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });
});
