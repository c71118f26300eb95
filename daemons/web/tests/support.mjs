// What the tests share: the real binary, a real browser, and ways to wait for conditions.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const here = import.meta.dirname;
const target = process.env.CARGO_TARGET_DIR ?? resolve(here, "../../../target");

/** The binary under test, with the page in it. */
export const AIRSHED = process.env.AIRSHED_BIN ?? join(target, "debug/airshed");

/** Where the screenshots go. */
export const SHOTS = process.env.AIRSHED_SHOTS ?? join(target, "page");

// Where `make check-chromium` looks, too.
const FOLDERS = ["/usr/bin", ...(process.env.PATH ?? "").split(":")];
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"].flatMap((name) => FOLDERS.map((folder) => join(folder, name)));

export const browserPath = () => {
  const found = CHROMIUM.find((path) => existsSync(path));
  if (!found) throw new Error("the tests need Chromium (Debian: apt-get install chromium)");
  return found;
};

export const launch = (options = {}) =>
  chromium.launch({ executablePath: browserPath(), args: ["--no-sandbox"], ...options });

/** A folder that goes with the test. */
export const folder = (t) => {
  const path = mkdtempSync(join(tmpdir(), "airshed-page-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

export const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
};

/** Waits until something holds; says what did not. */
export const until = async (what, holds, seconds = 60) => {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
};

/** The binary with a command that serves; ended with the test, by its own handle. */
export const serve = async (t, ...args) => {
  const child = spawn(AIRSHED, [...args, "--log-format", "json"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  const ended = once(child, "exit");
  const messages = [];
  let address = null;
  createInterface(child.stderr).on("line", (line) => {
    let said;
    try {
      said = JSON.parse(line);
    } catch {
      said = { fields: { message: line } };
    }
    messages.push(said.fields);
    address ??= said.fields.address ?? null;
  });
  const stop = async (signal = "SIGTERM") => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  t.after(() => stop("SIGKILL"));
  await until(`${args[0]} listens: ${JSON.stringify(messages.slice(-3))}`, () => {
    if (child.exitCode !== null) throw new Error(`${args[0]} ended: ${JSON.stringify(messages)}`);
    return address;
  });
  return { address, messages, stop };
};

/** A simulated network, with all of its past in the store. */
export const demo = async (t, ...args) => {
  const history = 24;
  const fixed = ["--history", String(history), "--schedule", "0 0 1 1 *", "--listen", "127.0.0.1:0"];
  const server = await serve(t, "demo", ...fixed, ...args);
  const collected = () => server.messages.filter(({ message }) => message === "feed collected").length;
  await until("the past is collected", () => collected() > history, 180);
  return server;
};

/** Runs the binary to its end; fails when it does. */
export const run = async (...args) => {
  const child = spawn(AIRSHED, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`airshed ${args.join(" ")} ended with ${code}: ${said}`);
};

/** Puts so many hourly readings of 20,000 sensors in six countries into a store of its own. */
export const importRows = async (data, rows) => {
  const child = spawn(AIRSHED, ["import", "--data", data, "-"], { stdio: ["pipe", "ignore", "inherit"] });
  const ended = once(child, "exit");
  const countries = ["DE", "FR", "PL", "NL", "BE", "AT"];
  let text = "id,timestamp,P1,P2,loc_id,loc_lat,loc_long,loc_alt,loc_country,sensor_id,sensor_type,window,indoor,exact_location\n";
  for (let n = 0; n < rows; n += 1) {
    const [sensor, hour] = [n % 20_000, Math.floor(n / 20_000)];
    const time = new Date(Date.UTC(2026, 0, 1, hour, 0, sensor % 3600)).toISOString();
    const [pm10, pm25] = [(sensor * 7 + hour) % 120, (sensor * 5 + hour) % 60];
    const place = `${(47 + (sensor % 700) / 100).toFixed(2)},${(6 + (sensor % 900) / 100).toFixed(2)},100`;
    text += `${n},${time.slice(0, 19)}Z,${pm10}.5,${pm25}.25,${sensor},${place},${countries[sensor % 6]},${sensor},SDS011,24h,0,1\n`;
    if (text.length > 1 << 20) {
      if (!child.stdin.write(text)) await once(child.stdin, "drain");
      text = "";
    }
  }
  child.stdin.end(text);
  const [code] = await ended;
  if (code !== 0) throw new Error(`the import ended with ${code}`);
};

/** A page that has loaded; every request that leaves the origin, and every error, is kept. */
export const open = async (browser, address, path = "/", options = {}) => {
  const context = await browser.newContext({ locale: "en-GB", acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.faults = [];
  page.strangers = [];
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("console", (message) => {
    // Chromium reports refused requests by itself; whether they may be is the test's matter.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      page.faults.push(message.text());
    }
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith("blob:") && !url.startsWith("data:")) page.strangers.push(url);
  });
  await page.goto(address + path);
  return page;
};

/** The page with its readings on the map. */
export const opened = async (browser, address, path = "/", options = {}) => {
  const page = await open(browser, address, path, options);
  // A job takes half a minute in a debug build when others are before it.
  page.setDefaultTimeout(90_000);
  await page.locator("#state").getByText(/readings|Messungen/).waitFor();
  await page.locator(".map-note").waitFor({ state: "detached" });
  return page;
};

/** Puts what a download brought into memory. */
export const contents = async (download) => {
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  return Buffer.concat(parts);
};

/** A file from the API, as a program gets it. */
export const fetched = async (address, query) => {
  const answer = await fetch(`${address}/api/query?${query}`);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return Buffer.from(await answer.arrayBuffer());
};
