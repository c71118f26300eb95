// The actions of the form: get the file, copy the request, reset.

import { useState } from "preact/hooks";
import { useWords } from "../../texts";

interface Props {
  /** The request, in the API's format. */
  query: string;
  busy: boolean;
  onReset: () => void;
}

/** The first button submits the surrounding form. */
export const Actions = ({ query, busy, onReset }: Props) => {
  const { t } = useWords();
  return (
    <p class="actions">
      <button type="submit" class="main" disabled={busy}>
        {t.submit}
      </button>
      <Copy label={t.copyCurl} text={() => curl(query)} />
      <Copy label={t.copyLink} text={() => location.href} />
      <button type="button" onClick={onReset}>
        {t.reset}
      </button>
    </p>
  );
};

const curl = (query: string) =>
  `curl --fail --remote-name --remote-header-name '${new URL("api/query", location.href).href}?${query.replaceAll("'", "%27")}'`;

const Copy = ({ label, text }: { label: string; text: () => string }) => {
  const { t } = useWords();
  const [outcome, setOutcome] = useState<string | null>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setOutcome(t.copied);
    } catch {
      setOutcome(t.copyFailed);
    }
    setTimeout(() => setOutcome(null), 3000);
  };
  return (
    <button type="button" onClick={() => void copy()}>
      <span aria-live="polite">{outcome ?? label}</span>
    </button>
  );
};
