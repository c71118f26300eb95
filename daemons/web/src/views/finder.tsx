// A sensor by its id.

import { useState } from "preact/hooks";
import { useWords } from "../texts";

export const Finder = ({ onFind }: { onFind: (sensor: number) => void }) => {
  const { t } = useWords();
  const [text, setText] = useState("");
  const id = /^\d{1,15}$/.test(text.trim()) ? Number(text.trim()) : null;
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
        <input inputMode="numeric" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" disabled={id === null}>
        {t.find}
      </button>
    </form>
  );
};
