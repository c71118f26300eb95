// Tabs according to WAI-ARIA: arrow keys move between them.

import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { useWords } from "../texts";

interface Props<T extends string> {
  tabs: [T, string][];
  chosen: T;
  onChoose: (tab: T) => void;
  children: ComponentChildren;
}

export const Tabs = <T extends string>({ tabs, chosen, onChoose, children }: Props<T>) => {
  const { t } = useWords();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex(([tab]) => tab === chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const [tab] = tabs[(to + tabs.length) % tabs.length]!;
    onChoose(tab);
    list.current?.querySelector<HTMLElement>(`#tab-${tab}`)?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={t.tabs} ref={list} onKeyDown={move}>
        {tabs.map(([tab, title]) => (
          <button
            key={tab}
            type="button"
            role="tab"
            id={`tab-${tab}`}
            aria-selected={tab === chosen}
            aria-controls="tab-panel"
            tabIndex={tab === chosen ? 0 : -1}
            onClick={() => onChoose(tab)}
          >
            {title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${chosen}`} tabIndex={0}>
        {children}
      </div>
    </>
  );
};
