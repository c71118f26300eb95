// Very many rows asked for: told beforehand, prepared as a job, and fetched by the browser
// itself, not by the page. `make soak` does it with four million.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { folder, importRows, launch, opened, serve } from "./support.mjs";

const ROWS = Number(process.env.AIRSHED_ROWS ?? 400_000);
const MOST_HEAP = 60e6;

const digest = async (stream) => {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const part of stream) {
    hash.update(part);
    bytes += part.length;
  }
  return { sha256: hash.digest("hex"), bytes };
};

test(`${ROWS.toLocaleString("en")} rows`, async (t) => {
  const data = folder(t);
  await importRows(data, ROWS);
  const large = ["--large", String(Math.min(ROWS / 2, 1_000_000))];
  const feed = `file:${data}/data.24h.json`;
  const { address } = await serve(t, "serve", "--data", data, "--feed", feed, "--listen", "127.0.0.1:0", ...large);
  const browser = await launch();
  t.after(() => browser.close());
  const page = await opened(browser, address, "/?view=ask&from=2026-01-01T00:00&to=2026-12-31T23:59");
  await page.getByText("This query is large: it will run as a job").waitFor();
  await page.getByText(new RegExp(`${ROWS.toLocaleString("en")} rows, about`)).waitFor();

  const download = page.waitForEvent("download", { timeout: 300_000 });
  await page.getByRole("button", { name: "Get the file" }).click();
  await page.locator(".job").waitFor();
  const got = await digest(await (await download).createReadStream());
  await page.locator(".job.done").waitFor();
  await page.getByText(new RegExp(`${ROWS.toLocaleString("en")} rows, `)).waitFor();

  const query = "startDate=2026-01-01T00:00:00&endDate=2026-12-31T23:59:59";
  const direct = await digest((await fetch(`${address}/api/query?${query}`)).body);
  assert.deepEqual(got, direct);
  const heap = await page.evaluate(() => performance.memory.usedJSHeapSize);
  t.diagnostic(`${got.bytes} bytes; the page's heap: ${heap}`);
  assert.ok(heap < MOST_HEAP, `${heap}`);
  assert.deepEqual(page.faults, []);
});
