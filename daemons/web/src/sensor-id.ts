// Which sensor: a number in Sensor.Community's network, `my-school:12` in another.

export type SensorId = number | string;

/** The sensor of a text as people type it; `null` where it is none. */
export const readSensorId = (text: string): SensorId | null => {
  const plain = text.trim();
  if (/^\d{1,15}$/.test(plain)) return Number(plain);
  return /^[a-z0-9][a-z0-9._-]{0,15}:\d{1,19}$/.test(plain) ? plain : null;
};
