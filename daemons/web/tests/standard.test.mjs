// The page of a deployment whose air-quality index is another: the US EPA's, which has 500 values and six bands.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { contents, folder, launch, opened, run, serve, SHOTS, until } from "./support.mjs";

const SENSOR = 77_001;

test("bands, colours, names and advice are those of the deployment's index", async (t) => {
  const data = folder(t);
  const time = new Date(Date.now() - 600_000).toISOString().slice(0, 19);
  const values = [4, 9.1, 40, 60, 150, 300];
  const lines = values.map((pm25, n) => `${time}Z,,${pm25},${50 + n / 50},${8 + n / 50},DE,${SENSOR + n},SDS011,24h,0\n`);
  const file = join(data, "readings.csv");
  writeFileSync(file, `timestamp,P1,P2,loc_lat,loc_long,loc_country,sensor_id,sensor_type,window,indoor\n${lines.join("")}`);
  await run("import", "--data", data, file);
  const { address } = await serve(t, "server", "--data", data, "--listen", "127.0.0.1:0", "--index", "us_aqi:2024");
  const browser = await launch();
  t.after(() => browser.close());

  const page = await opened(browser, address, `/?sensor=${SENSOR + 2}`);
  const legend = page.locator("figure.legend");
  await until("the legend", async () => (await legend.innerText()).includes("US EPA AQI"));
  for (const band of ["Good", "Moderate", "Unhealthy for Sensitive Groups", "Very Unhealthy", "Hazardous"]) {
    assert.ok((await legend.innerText()).includes(band), band);
  }
  const newest = page.locator("section.newest");
  await until("the sensor", async () => (await newest.count()) > 0);
  assert.match(await newest.innerText(), /^112 Unhealthy for Sensitive Groups/);
  assert.match(await page.locator("section.meaning").innerText(), /slow down if your eyes/);
  await page.screenshot({ path: join(SHOTS, "standard-sensor.png") });

  const overview = await opened(browser, address, "/");
  await until("the histogram", async () => (await overview.locator("table.histogram tbody tr").count()) === 6);
  const rows = await overview.locator("table.histogram tbody tr").allInnerTexts();
  assert.match(rows[2], /Unhealthy for Sensitive Groups\s+1/);
  await overview.screenshot({ path: join(SHOTS, "standard-overview.png") });

  const ask = await opened(browser, address, "/?view=ask");
  await ask.locator("[name=range]").selectOption("Hazardous");
  await ask.getByText(/Choose columns/).click();
  for (const column of ["AQI_text", "index_basis"]) await ask.locator(`[data-column=${column}]`).check();
  for (const column of ["id", "timestamp", "P1", "loc_id", "loc_lat", "loc_long", "loc_alt", "loc_country"]) {
    await ask.locator(`[data-column=${column}]`).uncheck();
  }
  assert.match(ask.url(), /columns=P2,AQI,Range,AQI_text,index_basis/);
  const [download] = await Promise.all([ask.waitForEvent("download"), ask.getByRole("button", { name: "Get the file" }).click()]);
  assert.equal(String(await contents(download)), "P2,AQI,Range,AQI_text,index_basis\n300,449,Hazardous,449,defined\n");
  await ask.screenshot({ path: join(SHOTS, "standard-ask.png") });

  const again = await opened(browser, address, new URL(ask.url()).search);
  await again.getByText(/Choose columns: 5 of/).click();
  assert.equal(await again.locator("[data-column=P2]").isChecked(), true);
  assert.equal(await again.locator("[data-column=id]").isChecked(), false);
});
