// How near the map goes to a sensor that was looked for: as near as its neighbours allow.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { runnerImport } from "vite";

/** A module of the page, without a browser. */
const load = async (path) => (await runnerImport(path, { root: import.meta.dirname, configFile: false, logLevel: "error" })).module;

let frameOf;
let longitudeOf;
let latitudeOf;
let zoomAmongNeighbours;
before(async () => {
  ({ frameOf, longitudeOf, latitudeOf } = await load("../src/map/frame.ts"));
  ({ zoomAmongNeighbours } = await load("../src/map/neighbours.ts"));
});

const SIZE = [800, 600];
const [X, Y] = [0.53, 0.33];

/** Sensors so many pixels east and south of the first one, at zoom 9. */
const around = (offsets) => {
  const feature = ([east, south], n) => {
    const [x, y] = [X + east / (256 * 2 ** 9), Y + south / (256 * 2 ** 9)];
    return { id: n, geometry: { coordinates: [longitudeOf(x), latitudeOf(y)] }, properties: { AQI: 3 } };
  };
  return frameOf({ features: [[0, 0], ...offsets].map(feature) });
};
const zoomOf = (frame, size = SIZE, present = 5) =>
  zoomAmongNeighbours(frame, { sensor: 0, at: [latitudeOf(Y), longitudeOf(X)] }, size, present);

test("a sensor among its neighbours", async (t) => {
  await t.test("dense: as near as it gets", () => {
    assert.equal(zoomOf(around([[1, 1], [2, 0], [-3, 1], [0, 4], [5, 5]])), 13);
  });

  await t.test("the fifth neighbour decides", () => {
    // 100 pixels at zoom 9 are 282 at zoom 10.5, and 400 at zoom 11, which is off the map.
    const offsets = [[1, 1], [2, 0], [-3, 1], [0, 4], [-100, 0], [0, 250]];
    assert.equal(zoomOf(around(offsets)), 10.5);
    assert.equal(zoomOf(around(offsets), [400, 600]), 9.5);
  });

  await t.test("fewer than five: all of them", () => {
    assert.equal(zoomOf(around([[0, 130], [0, -1]])), 10);
  });

  await t.test("none, or none near enough, or no map of the others", () => {
    assert.equal(zoomOf(around([])), 13);
    assert.equal(zoomOf(around([[0, 300], [2000, 0]])), 13);
    assert.equal(zoomOf(null), 13);
  });

  await t.test("one without a place is nobody's neighbour", () => {
    const frame = around([[0, 130]]);
    frame.x[1] = frame.y[1] = Number.NaN;
    assert.equal(zoomOf(frame), 13);
  });

  await t.test("who looks from nearer stays there while the neighbours do", () => {
    assert.equal(zoomOf(around([[1, 1], [1, 0], [-1, 1], [0, 1], [2, 2]]), SIZE, 15), 15);
    assert.equal(zoomOf(around([[1, 1], [1, 0], [-1, 1], [0, 1], [20, 2]]), SIZE, 15), 13);
    assert.equal(zoomOf(around([]), SIZE, 15), 15);
  });

  await t.test("it is what trying every zoom finds", () => {
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const found = new Set();
    for (let round = 0; round < 300; round += 1) {
      const spread = 10 ** (1 + 2.5 * random());
      const offsets = Array.from({ length: Math.floor(20 * random()) }, () => [spread * (random() - 0.5), spread * (random() - 0.5)]);
      const size = [320 + 1000 * random(), 300 + 600 * random()];
      const seen = (zoom) =>
        offsets.filter((offset) => offset.every((at, n) => Math.abs(at) * 2 ** (zoom - 9) <= size[n] / 2 - 24)).length;
      const wanted = Math.min(5, seen(9));
      let zoom = 13;
      while (wanted > 0 && seen(zoom) < wanted) zoom -= 0.5;
      assert.equal(zoomOf(around(offsets), size), zoom, JSON.stringify({ offsets, size }));
      found.add(zoom);
    }
    assert.equal(found.size, 9, "every zoom from 9 to 13");
  });
});
