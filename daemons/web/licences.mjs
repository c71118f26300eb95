// Writes dist/licences.txt: the terms of what is bundled into the page, the packages of the lock file that
// are not only for development.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const web = import.meta.dirname;
let text = "";
const lock = JSON.parse(readFileSync(join(web, "package-lock.json"), "utf8"));
for (const [path, { version, license, dev }] of Object.entries(lock.packages)) {
  if (!path || dev) continue;
  const folder = join(web, path);
  const name = path.replace(/^.*node_modules\//, "");
  const file = existsSync(folder) && readdirSync(folder).find((name) => /^licen[sc]e/i.test(name));
  if (!file) {
    console.error(`${name} has no licence file: see what it is under, and add it here`);
    process.exit(1);
  }
  const terms = readFileSync(join(folder, file), "utf8").trim();
  text += `${"-".repeat(80)}\n${license}\n\n${name} ${version}\n\n${terms}\n\n`;
}
writeFileSync(join(web, "dist/licences.txt"), text);
