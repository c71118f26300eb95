// Follows a query in place: a response is downloaded, a job is polled, an error is shown beside
// the form. Without scripts the form works by itself.
"use strict";

const form = document.getElementById("query");
const status = document.getElementById("status");
const button = form.querySelector("button");
const LONGEST_SILENCE_MS = 120_000;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  say("Sending the query…");
  try {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    await follow(await fetch(`${form.action}?${query}`));
  } catch (error) {
    complain(error instanceof TypeError ? "The server cannot be reached, or the transfer was interrupted." : String(error));
  } finally {
    button.disabled = false;
  }
});

async function follow(answer) {
  let lastHeard = Date.now();
  let location = null;
  for (;;) {
    if (answer.status === 202) {
      const job = await answer.json();
      location = location ?? answer.headers.get("Location");
      lastHeard = Date.now();
      const rows = job.rows === undefined ? "" : `, ${job.rows.toLocaleString("en")} rows so far`;
      say(`The server is busy; your query is ${job.status}${rows}.`);
    } else if (answer.ok) {
      return save(answer);
    } else if (answer.status === 503 && location) {
      say("The server is busy or restarting; your query is kept.");
    } else {
      return complain(await reason(answer));
    }
    await pause(1000);
    answer = await ask(`${location}?wait=20`, lastHeard);
  }
}

// Retries for a while if the server is restarting.
async function ask(location, lastHeard) {
  for (;;) {
    try {
      return await fetch(location);
    } catch (error) {
      if (Date.now() - lastHeard > LONGEST_SILENCE_MS) throw error;
      say("The server cannot be reached; your query is kept, retrying.");
      await pause(2000);
    }
  }
}

async function save(answer) {
  say("Receiving…");
  const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  const file = await answer.blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = named ? named[1] : "airshed.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(`${link.download}: ${file.size.toLocaleString("en")} bytes.`);
}

async function reason(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return `The server answered ${answer.status}.`;
  }
}

function say(text) {
  status.className = "";
  status.textContent = text;
}

function complain(text) {
  status.className = "bad";
  status.textContent = text;
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
