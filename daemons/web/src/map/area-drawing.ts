// The area of the form that is drawn on the map.

import { useState } from "preact/hooks";
import { NEAR_KM, type Selection } from "../selection";

/** What is being drawn. */
export type Drawing = "box" | "place" | null;

export const useAreaDrawing = (selection: Selection, onSelection: (selection: Selection) => void) => {
  const [drawing, setDrawing] = useState<Drawing>(null);
  /** Takes what was drawn; neither a box nor a place: nothing. */
  const finish = (bbox: string | null, place: [latitude: number, longitude: number] | null) => {
    setDrawing(null);
    if (bbox !== null) onSelection({ ...selection, area: "bbox", bbox });
    if (place !== null) {
      const radius = Number(selection.near.split(",")[2]) || NEAR_KM;
      const near = `${place[0].toFixed(4)},${place[1].toFixed(4)},${radius}`;
      onSelection({ ...selection, area: "near", near });
    }
  };
  return { drawing, begin: setDrawing, finish };
};
