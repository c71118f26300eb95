// The viewer's time zone: the page shows times and reads dates in it. The form, the API and the
// address have UTC.

const named = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Its name in the IANA database. */
export const ZONE = !named || named === "Etc/UTC" || named === "Etc/Unknown" ? "UTC" : named;

/** A time in UTC, in the format of `datetime-local`: `YYYY-MM-DDTHH:MM`. */
export const utcMinute = (time: number) => new Date(time).toISOString().slice(0, 16);

/** The same in the viewer's zone. */
export const localMinute = (time: number): string => {
  const moment = new Date(time);
  const two = (number: number) => String(number).padStart(2, "0");
  const date = [String(moment.getFullYear()).padStart(4, "0"), two(moment.getMonth() + 1), two(moment.getDate())];
  return `${date.join("-")}T${two(moment.getHours())}:${two(moment.getMinutes())}`;
};

/** From UTC to the viewer's zone; what is no time stays as it is. */
export const toLocal = (minute: string): string => changed(Date.parse(`${minute}Z`), minute, localMinute);

/** And back. */
export const toUtc = (minute: string): string => changed(new Date(minute).getTime(), minute, utcMinute);

const changed = (time: number, minute: string, write: (time: number) => string) =>
  Number.isNaN(time) ? minute : write(time);

/** The start of the viewer's day, or of one some days later. */
export const midnight = (time: number, later = 0): number => {
  const day = new Date(time);
  day.setHours(0, 0, 0, 0);
  return day.setDate(day.getDate() + later);
};
