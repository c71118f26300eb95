// The viewer's time zone: times are shown and read in it, and spreadsheets have them.

import assert from "node:assert/strict";
import test from "node:test";
import { contents, demo, fetched, launch, opened, until } from "./support.mjs";

const choose = (page, name, value) => page.locator(`[name=${name}]`).selectOption(value);

/** Minutes that a zone is ahead of UTC at a moment. */
const ahead = (zone, time) => {
  const name = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
  const offset = name.formatToParts(new Date(time)).find(({ type }) => type === "timeZoneName").value;
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(offset);
  return sign ? Number(`${sign}1`) * (60 * hours + Number(minutes)) : 0;
};

test("the page has the viewer's time zone", async (t) => {
  const { address } = await demo(t, "--sensors", "300");
  const browser = await launch();
  t.after(() => browser.close());
  for (const zone of ["Europe/Berlin", "America/St_Johns", "UTC"]) {
    await t.test(zone, async () => {
      const page = await opened(browser, address, "/?view=ask", { timezoneId: zone });
      const input = (name) => page.locator(`[name=${name}]`).inputValue();
      await page.getByText(`When (${zone})`).waitFor();
      await page.getByLabel("Yesterday").check();
      assert.match(await input("startDate"), /T00:00$/);
      assert.match(await input("endDate"), /T23:59$/);

      const asked = [];
      page.on("request", (request) => {
        const { pathname, searchParams } = new URL(request.url());
        if (pathname === "/api/query" && !searchParams.has("limit")) asked.push(searchParams);
      });
      const got = async () => {
        const before = asked.length;
        const download = page.waitForEvent("download");
        await page.getByRole("button", { name: "Get the file" }).click();
        const file = await contents(await download);
        assert.equal(asked.length, before + 1);
        return { file, query: asked[before] };
      };
      // In files for programs, and in what is asked, everything is in UTC.
      const { file, query } = await got();
      const start = Date.parse(`${query.get("startDate")}Z`);
      const local = new Date(start + 60_000 * ahead(zone, start)).toISOString();
      assert.equal(local.slice(0, 16), await input("startDate"));
      assert.ok(!query.has("tz"));
      assert.ok(file.equals(await fetched(address, query)));

      // A spreadsheet has the viewer's times, in the same rows.
      await choose(page, "format", "spreadsheet");
      await page.getByText(`Times in the file are those of ${zone}.`).waitFor();
      const sheet = await got();
      assert.equal(sheet.query.get("tz"), zone === "UTC" ? null : zone);
      const [header, ...rows] = sheet.file.toString().trim().split("\n");
      assert.equal(header.includes(`timestamp (${zone})`), zone !== "UTC", header);
      assert.equal(rows.length, file.toString().trim().split("\n").length - 1);
      const times = rows.map((row) => row.split(";")[header.split(";").findIndex((name) => name.startsWith("timestamp"))]);
      times.sort();
      const [first, last] = [times[0], times.at(-1)];
      assert.equal(first.slice(0, 10), last.slice(0, 10), "one day of the viewer's");
      assert.equal(first.slice(0, 10), (await input("startDate")).slice(0, 10));

      // A link has the same moments for everybody.
      await page.locator("[name=startDate]").fill(await input("startDate"));
      await until("the address has it", () => new URL(page.url()).searchParams.get("from"));
      assert.equal(new URL(page.url()).searchParams.get("from"), new Date(start).toISOString().slice(0, 16));
      const elsewhere = await opened(browser, address, new URL(page.url()).search, { timezoneId: "Asia/Kathmandu" });
      const there = new Date(start + 345 * 60_000).toISOString().slice(0, 16);
      assert.equal(await elsewhere.locator("[name=startDate]").inputValue(), there);
      await elsewhere.context().close();

      // The chart and its table say whose times they have.
      const { features } = await (await fetch(`${address}/api/latest`)).json();
      const sensor = await opened(browser, address, `/?sensor=${features[0].id}`, { timezoneId: zone });
      await sensor.getByText("Values as a table").click();
      await sensor.getByRole("columnheader", { name: `Time (${zone})` }).waitFor();
      await sensor.locator(".u-legend").getByText(zone).first().waitFor();
      assert.deepEqual([...page.faults, ...sensor.faults], []);
      await sensor.context().close();
      await page.context().close();
    });
  }

  await t.test("a zone that the server does not know falls back to UTC, and the page says so", async () => {
    const page = await opened(browser, address, "/?view=ask", { timezoneId: "Europe/Berlin" });
    await page.route(/tz=Europe%2FBerlin/, (route) =>
      route.fulfill({ status: 400, json: { detail: "not a time zone", field: "tz" } }),
    );
    await choose(page, "format", "spreadsheet");
    await page.getByText("Times in the file are in UTC: this server cannot write those of Europe/Berlin.").waitFor();
    await page.getByText(/^\d[\d,]* rows, about/).waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Get the file" }).click();
    const [header] = (await contents(await download)).toString().split("\n");
    assert.ok(/(^|;|\uFEFF)timestamp(;|$)/.test(header), header);
    await page.context().close();
  });
});
