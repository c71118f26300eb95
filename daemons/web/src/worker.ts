// The web worker: converts files to the data that the map draws.

import type { Topology } from "topojson-specification";
import { buffersOf, frameOf, type Latest } from "./map/frame";
import { landsOf } from "./map/lands";
import type { Done, Task } from "./work";

const answer = (done: Done, buffers: ArrayBufferLike[] = []) =>
  postMessage(done, { transfer: buffers as ArrayBuffer[] });

addEventListener("message", async ({ data }: MessageEvent<{ id: number } & Task>) => {
  const { id } = data;
  try {
    if (data.task === "frame") {
      const frame = frameOf(JSON.parse(new TextDecoder().decode(data.text)) as Latest);
      return answer({ id, result: frame }, buffersOf(frame));
    }
    const file = await fetch(data.file);
    if (!file.ok) throw new Error(`HTTP ${file.status}`);
    const lands = landsOf((await file.json()) as Topology);
    const buffers = lands.flatMap(({ rings }) => rings.map(({ points }) => points.buffer));
    answer({ id, result: lands }, buffers);
  } catch (error) {
    answer({ id, failure: error instanceof Error ? error.message : String(error) });
  }
});
