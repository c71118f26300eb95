// Tasks for the web worker, so that the page stays responsive.

export type Task = { task: "world"; file: string } | { task: "frame"; text: ArrayBuffer };

export type Done = { id: number; result: unknown } | { id: number; failure: string };

interface Waiting {
  done: (result: unknown) => void;
  failed: (error: Error) => void;
}

let worker: Worker | null = null;
let last = 0;
const waiting = new Map<number, Waiting>();

const start = (): Worker => {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Done>) => {
    const { done, failed } = waiting.get(data.id)!;
    waiting.delete(data.id);
    if ("failure" in data) failed(new Error(data.failure));
    else done(data.result);
  };
  worker.onerror = ({ message }) => {
    for (const { failed } of waiting.values()) failed(new Error(message));
    waiting.clear();
  };
  return worker;
};

export const work = <T>(task: Task): Promise<T> => {
  worker ??= start();
  last += 1;
  const id = last;
  const transferred = task.task === "frame" ? [task.text] : [];
  return new Promise<T>((done, failed) => {
    waiting.set(id, { done: done as Waiting["done"], failed });
    worker!.postMessage({ id, ...task }, transferred);
  });
};
