// Sensor ids: a number in Sensor.Community's network, `my-school:12` in another.

export type SensorId = number | string;

/** Parses a sensor id as typed; `null` if it is invalid. */
export const readSensorId = (text: string): SensorId | null => {
  const plain = text.trim();
  if (/^\d{1,15}$/.test(plain)) return Number(plain);
  return /^[a-z0-9][a-z0-9._-]{0,15}:\d{1,19}$/.test(plain) ? plain : null;
};
