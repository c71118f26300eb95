// Lighthouse's categories, on loopback, for the phone and for the desktop that it simulates.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { launch as launchChrome } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";
import { browserPath, demo, SHOTS } from "./support.mjs";

const LEAST = 95;

// The score for speed follows the machine: 84 to 99 for one build on one that is shared. It is held
// to the same by `make soak`; here only a gross loss fails.
const LEAST_PERFORMANCE = process.env.AIRSHED_LIGHTHOUSE ? LEAST : 75;
const CATEGORIES = ["performance", "accessibility", "best-practices"];

/** Performance is measured on whatever else the machine does: the best of some runs counts. */
const RUNS = 4;

test("Lighthouse", async (t) => {
  const { address } = await demo(t, "--sensors", "25000");
  mkdirSync(SHOTS, { recursive: true });
  for (const [device, config] of [["phone", undefined], ["desktop", desktopConfig]]) {
    await t.test(device, async (t) => {
      let best = null;
      for (let run = 0; run < RUNS && !(best?.performance >= LEAST); run += 1) {
        const chrome = await launchChrome({
          chromePath: browserPath(),
          chromeFlags: ["--headless=new", "--no-sandbox"],
        });
        try {
          const flags = { port: chrome.port, logLevel: "error", onlyCategories: CATEGORIES, output: "html" };
          const { lhr, report } = await lighthouse(address, flags, config);
          const scores = Object.fromEntries(CATEGORIES.map((id) => [id, Math.round(lhr.categories[id].score * 100)]));
          t.diagnostic(`${device}, run ${run + 1}: ${JSON.stringify(scores)}`);
          if (best === null || scores.performance > best.performance) {
            best = scores;
            writeFileSync(join(SHOTS, `lighthouse-${device}.html`), report);
          }
        } finally {
          chrome.kill();
        }
      }
      for (const id of CATEGORIES) {
        const least = id === "performance" ? LEAST_PERFORMANCE : LEAST;
        assert.ok(best[id] >= least, `${id}: ${best[id]}`);
      }
    });
  }
});
