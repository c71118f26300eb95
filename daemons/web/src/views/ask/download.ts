// The file: received and saved by the page, or prepared by the server as a job.

import { useState } from "preact/hooks";
import { ask, type Estimate, Refusal, Unreachable } from "../../api";
import { add } from "../../jobs";
import { reasonOf, useWords, type Words } from "../../texts";

/** Maximum size in bytes of a file in the page's memory; larger files are downloaded by the browser. */
const LARGEST_IN_MEMORY = 64e6;

/** Interval of progress updates. */
const PROGRESS_MS = 200;

export interface Message {
  text: string;
  bad: boolean;
}

interface Outcome {
  /** It became a job. */
  onJob: () => void;
  /** A field was invalid; `null`: none. */
  onRefusal: (refusal: Refusal | null) => void;
}

export const useDownload = (query: string, size: Estimate | null, { onJob, onRefusal }: Outcome) => {
  const words = useWords();
  const [message, setMessage] = useState<Message | null>(null);
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    setMessage({ text: words.t.asking, bad: false });
    try {
      const large = size !== null && (size.large || size.bytes > LARGEST_IN_MEMORY);
      setMessage(await fetchFile(query, large, onJob, words, setMessage));
      onRefusal(null);
    } catch (error) {
      if (error instanceof Refusal && error.field !== null) {
        onRefusal(error);
        setMessage(null);
      } else {
        setMessage({ text: failureOf(error, words), bad: true });
      }
    } finally {
      setBusy(false);
    }
  };
  return { busy, message, setMessage, start };
};

const failureOf = (error: unknown, { t }: Words): string => {
  if (error instanceof Refusal && error.status === 404) return t.noData;
  const begun = !(error instanceof Refusal || error instanceof Unreachable);
  return begun ? t.cut : reasonOf(error, t);
};

/** Fetches the file, or follows the job that it became. */
const fetchFile = async (
  query: string,
  large: boolean,
  onJob: () => void,
  { t, bytes }: Words,
  onProgress: (message: Message) => void,
): Promise<Message> => {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (large) headers.Prefer = "respond-async";
  const answer = await ask(`api/query?${query}`, { headers });
  if (answer.status === 202) {
    const job = (await answer.json()) as { id: string };
    add(job.id, query);
    onJob();
    return { text: large ? t.asJob : t.busyJob, bad: false };
  }
  const file = await received(answer, (count) => onProgress({ text: t.receiving(bytes(count)), bad: false }));
  const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  const name = named?.[1] ?? "airshed.csv";
  save(file, name);
  return { text: t.received(name, bytes(file.size)), bad: false };
};

/** An aborted transfer throws: a truncated file is never saved. */
const received = async (answer: Response, onProgress: (bytes: number) => void): Promise<Blob> => {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  let reported = 0;
  const reader = answer.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    count += value.length;
    if (Date.now() - reported > PROGRESS_MS) {
      reported = Date.now();
      onProgress(count);
    }
  }
  return new Blob(parts, { type: answer.headers.get("Content-Type") ?? "" });
};

const save = (file: Blob, name: string) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
