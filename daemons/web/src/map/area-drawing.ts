// Drawing the form's area on the map.

import { useState } from "preact/hooks";
import { NEAR_KM, type Selection } from "../selection";

/** What is being drawn. */
export type Drawing = "box" | "place" | null;

export const useAreaDrawing = (selection: Selection, onSelection: (selection: Selection) => void) => {
  const [drawing, setDrawing] = useState<Drawing>(null);
  /** Applies the drawn shape; without a box or a place it clears the area. */
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
