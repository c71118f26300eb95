// Jobs as people see them: overload, progress, cancelling, reloading, and a server that goes
// and comes back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { contents, folder, importRows, freePort, launch, opened, serve, until } from "./support.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const submit = (page) => page.getByRole("button", { name: "Get the file" }).click();
const whole = async (address) => {
  const { oldest, newest } = await (await fetch(`${address}/api/summary`)).json();
  return `from=${oldest.slice(0, 16)}&to=${newest.slice(0, 16)}`;
};

/** Gives the only worker something to do, so that what is asked next has to wait. */
let others = 0;
const keepBusy = async (address, when, jobs) => {
  const [startDate, endDate] = when.split("&").map((part) => part.split("=")[1]);
  for (let n = 0; n < jobs; n += 1) {
    others += 1;
    // The limit makes each a query of its own.
    const query = new URLSearchParams({ startDate, endDate, format: "geojson", columns: "all", limit: 1e9 + others });
    const answer = await fetch(`${address}/api/query?${query}`, { headers: { Prefer: "respond-async" } });
    assert.equal(answer.status, 202);
  }
};
const kept = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("airshed.jobs") ?? "[]"));

test("under overload", async (t) => {
  // Equal queries share a job: each test asks for something of its own.
  // No room at all: every query becomes a job. One worker, so that jobs wait for each other.
  const data = folder(t);
  await importRows(data, 500_000);
  const { address } = await serve(
    t, "serve", "--data", data, "--feed", `file:${data}/data.24h.json`, "--listen", "127.0.0.1:0",
    "--in-flight", "0", "--workers", "1", "--silence", "3",
  );
  const when = await whole(address);

  await t.test("a query becomes a job, and its file arrives by itself", async () => {
    const page = await opened(browser, address, "/?view=ask&country=FR");
    const download = page.waitForEvent("download");
    await submit(page);
    await page.getByRole("tab", { name: /^Jobs/, selected: true }).waitFor();
    const got = await contents(await download);
    await page.locator(".job.done").waitFor();
    const [job] = await kept(page);
    const result = await fetch(`${address}/api/results/${job.id}`);
    assert.ok(got.equals(Buffer.from(await result.arrayBuffer())));
    const lines = got.toString().trim().split("\n").slice(1);
    assert.ok(lines.every((line) => line.includes(",FR,")));
    assert.equal(lines.length, job.rows);
    // Its own button gives it out again.
    const again = page.waitForEvent("download");
    await page.locator(".job.done").getByRole("button", { name: "Download" }).click();
    assert.ok((await contents(await again)).equals(got));
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  await t.test("the map and the first rows bear it", async () => {
    const page = await opened(browser, address, "/?view=ask&country=AT");
    await page.locator(".preview tbody tr").nth(49).waitFor();
    await page.getByText(/rows, about/).waitFor();
    await page.context().close();
  });

  await t.test("cancelled while it is done, and while it waits", async () => {
    const page = await opened(browser, address, `/?view=ask&${when}&columns=all&format=geojson`);
    // A job may be done before anybody can cancel it: then another is asked for.
    for (let minute = 1; minute < 20; minute += 1) {
      await page.getByRole("tab", { name: "Get data" }).click();
      await page.locator("[name=startDate]").fill(`2026-01-01T00:${String(minute).padStart(2, "0")}`);
      await submit(page);
      await page.getByRole("tab", { name: /^Jobs/, selected: true }).waitFor();
      await page.locator(".job").first().and(page.locator(".job.running, .job.done")).waitFor();
      const button = page.locator(".job.running").getByRole("button", { name: "Cancel" });
      await button.click({ timeout: 1000 }).catch(() => {});
      await page.locator(".job").first().and(page.locator(".job.cancelled, .job.done")).waitFor();
      if ((await page.locator(".job.cancelled").count()) > 0) break;
    }
    const [begun] = (await kept(page)).filter(({ status }) => status === "cancelled");
    const record = await (await fetch(`${address}/api/results/${begun.id}/status`)).json();
    assert.deepEqual([record.status, record.attempts], ["cancelled", 1]);
    await keepBusy(address, when, 3);
    await page.getByRole("tab", { name: "Get data" }).click();
    await page.locator("[name=format]").selectOption("json");
    await submit(page);
    const second = page.locator(".job").first();
    await second.getByText(/at most [1-9] waiting/).waitFor();
    await second.getByRole("button", { name: "Cancel" }).click();
    await page.locator(".job.cancelled").nth(1).waitFor();
    const cancelled = (await kept(page)).filter(({ status }) => status === "cancelled");
    assert.equal(cancelled.length, 2);
    for (const { id } of cancelled) {
      const answer = await fetch(`${address}/api/results/${id}`);
      assert.equal(answer.status, 410);
      assert.match((await answer.json()).detail, /cancelled/);
    }
    // The worker is free again: it did not finish what nobody wants.
    const download = page.waitForEvent("download");
    await page.getByRole("tab", { name: "Get data" }).click();
    await page.locator("[name=country]").selectOption("NL");
    await submit(page);
    await download;
    // And what was cancelled can be asked again.
    await page.locator(".job.cancelled").first().getByRole("button", { name: "Repeat query" }).click();
    await until("it is asked again", async () => {
      const now = (await kept(page)).filter(({ status }) => status === "cancelled");
      return now.length === 1;
    });
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  await t.test("a reload in the middle loses nothing", async () => {
    const page = await opened(browser, address, `/?view=ask&${when}&maxAqi=10&format=geojson&columns=all`);
    await keepBusy(address, when, 3);
    await submit(page);
    await page.locator(".job.queued, .job.running").waitFor();
    await until("the address has it", () => page.url().includes("view=jobs"));
    const download = page.waitForEvent("download");
    await page.reload();
    await page.locator(".job.queued, .job.running").waitFor();
    const file = await download;
    const size = (await contents(file)).length;
    await page.locator(".job.done").waitFor();
    const [job] = await kept(page);
    assert.equal(size, job.bytes);
    await page.context().close();
  });

  await t.test("who asks for the same shares the work, and cancels only its own job", async () => {
    const path = `/?view=ask&${when}&format=geojson`;
    const [one, other] = [await opened(browser, address, path), await opened(browser, address, path)];
    await keepBusy(address, when, 3);
    await submit(one);
    await one.locator(".job").waitFor();
    await submit(other);
    await other.locator(".job").waitFor();
    assert.notEqual((await kept(one))[0].id, (await kept(other))[0].id);
    const download = one.waitForEvent("download");
    await other.getByRole("button", { name: "Cancel" }).click();
    await other.locator(".job.cancelled").waitFor();
    await download;
    await one.context().close();
    await other.context().close();
  });

  await t.test("an id that the server does not know says so, and can be asked again", async () => {
    const page = await opened(browser, address, "/?view=jobs");
    const gone = "00000000-0000-4000-8000-000000000000";
    await page.evaluate((id) => {
      const query = "startDate=1999-01-01&endDate=1999-01-02";
      const job = { id, query, asked: Date.now(), status: "running", wanted: true };
      localStorage.setItem("airshed.jobs", JSON.stringify([job]));
    }, gone);
    await page.reload();
    await page.getByText("Unknown to the server").waitFor();
    await page.getByRole("button", { name: "Repeat query" }).click();
    // It finds nothing, and says that in words.
    await page.getByText("No data found.").waitFor();
    await page.context().close();
  });
});

test("jobs that failed or expired", async (t) => {
  const { address } = await serve(t, "demo", "--listen", "127.0.0.1:0", "--sensors", "200", "--history", "0", "--schedule", "0 0 1 1 *");
  await until("it has readings", async () => (await (await fetch(`${address}/api/summary`)).json()).readings > 50);
  const page = await opened(browser, address, "/?view=jobs");
  const ids = ["failed", "expired"].map((status, n) => [status, `00000000-0000-4000-8000-00000000000${n}`]);
  await page.evaluate((ids) => {
    const query = "startDate=1999-01-01&endDate=1999-01-02";
    const jobs = ids.map(([, id]) => ({ id, query, asked: Date.now(), status: "queued", wanted: true }));
    localStorage.setItem("airshed.jobs", JSON.stringify(jobs));
  }, ids);
  // No job of a healthy server fails: this one says what the API says of such jobs.
  for (const [status, id] of ids) {
    const said = { id, status, state: status, created: "2026-01-01T00:00:00Z", updated: "2026-01-01T00:00:00Z", attempts: 5 };
    if (status === "failed") Object.assign(said, { reason: "failed after 5 attempts", retryable: true });
    await page.route(`**/api/results/${id}/status*`, (route) => route.fulfill({ json: said }));
  }
  await page.reload();
  const failed = page.locator(".job.failed");
  await failed.getByText("failed after 5 attempts").waitFor();
  await failed.getByRole("button", { name: "Try again" }).click();
  await page.getByText("No data found.").waitFor();
  assert.equal(await failed.count(), 0);
  const expired = page.locator(".job.expired");
  await expired.getByRole("button", { name: "Repeat query" }).waitFor();
  await expired.getByRole("button", { name: "Remove from list" }).click();
  await expired.waitFor({ state: "detached" });
  assert.equal((await kept(page)).length, 1);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test("a server that goes and comes back", async (t) => {
  const data = folder(t);
  const port = await freePort();
  const args = ["demo", "--data", data, "--listen", `127.0.0.1:${port}`, "--sensors", "2000", "--history", "2", "--schedule", "0 0 1 1 *"];
  const first = await serve(t, ...args);
  await until("it has readings", async () => (await (await fetch(`${first.address}/api/summary`)).json()).readings > 2000);
  const page = await opened(browser, first.address, "/?view=ask");
  await first.stop();
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByRole("tab", { name: "Get data" }).click();
  await page.locator("[name=maxAqi]").fill("5");
  const banner = page.getByText("The server cannot be reached.");
  await banner.waitFor();
  await serve(t, ...args);
  await banner.waitFor({ state: "detached" });
  await page.locator("[name=maxAqi]").fill("6");
  await page.getByText(/rows, about/).waitFor();
  const download = page.waitForEvent("download");
  await submit(page);
  await download;
  assert.deepEqual(page.faults, []);
});

test("a feed that is stale, failing, or empty is said", async (t) => {
  await t.test("old readings", async (t) => {
    const data = folder(t);
    const writing = await serve(t, "demo", "--data", data, "--listen", "127.0.0.1:0", "--sensors", "500", "--history", "0", "--schedule", "0 0 1 1 *");
    await until("it has readings", async () => (await (await fetch(`${writing.address}/api/summary`)).json()).readings > 100);
    await writing.stop();
    // Nothing collects any more, and no reading is young enough.
    const { address } = await serve(t, "server", "--data", data, "--listen", "127.0.0.1:0", "--stale-after", "0");
    const page = await opened(browser, address);
    await page.getByText(/The newest readings are .* old: the feed may be down/).waitFor();
    await page.context().close();
  });

  await t.test("a feed that fails, and no readings at all", async (t) => {
    const { address } = await serve(t, "serve", "--data", folder(t), "--listen", "127.0.0.1:0", "--feed", "file:/nowhere/data.24h.json");
    const page = await opened(browser, address);
    await page.getByText("There are no readings yet.").waitFor();
    await page.getByText("The last fetch of the feed failed").waitFor();
    await page.getByText("There are no sensors to show.").waitFor();
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });
});
