// The search for a sensor by its id.

import { useState } from "preact/hooks";
import { readSensorId, type SensorId } from "../sensor-id";
import { useWords } from "../texts";

export const Finder = ({ onFind }: { onFind: (sensor: SensorId) => void }) => {
  const { t } = useWords();
  const [text, setText] = useState("");
  const id = readSensorId(text);
  return (
    <form
      class="finder"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (id !== null) onFind(id);
      }}
    >
      <label>
        {t.findSensor}
        <input autocomplete="off" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" disabled={id === null}>
        {t.find}
      </button>
    </form>
  );
};
