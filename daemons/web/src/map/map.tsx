// The map: countries and marks on one canvas, drawn shapes, and hover details.

import L from "leaflet";
import "leaflet/dist/leaflet.css";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Palette } from "../index-scale";
import type { Selection } from "../selection";
import { useWords, type Words } from "../texts";
import type { Drawing } from "./area-drawing";
import { type Frame, latitudeOf, longitudeOf, mercatorX, mercatorY, reasonsOf, usualView, type View } from "./frame";
import { type Mark, markAt, marksOf, paintMarks, paintRing } from "./marks";
import { type Sought, ZOOM_STEP, zoomAmongNeighbours } from "./neighbours";
import type { Place } from "./place";
import { type Sheet, sheet } from "./sheet";
import type { Target } from "./target";
import type { World } from "./lands";
import { type Inks, paintWorld, world } from "./world";
import type { SensorId } from "../sensor-id";
import type { Shown } from "../shown";

interface Props extends Shown, Target {
  palette: Palette;
  dark: boolean;
  chosen: SensorId | null;
  selection: Selection;
  drawing: Drawing;
  onChoose: (sensor: SensorId) => void;
  onView: (view: View, place: Place) => void;
  onDrawn: (bbox: string | null, place: [number, number] | null) => void;
}

const LIGHT: Inks = {
  sea: "#d9e5ea",
  land: "#f8f6f1",
  border: "#aab6bb",
  label: "#4d5a60",
  halo: "#f8f6f1",
};
const DARK: Inks = {
  sea: "#10181c",
  land: "#243036",
  border: "#48575e",
  label: "#b4c1c7",
  halo: "#1b2529",
};

/** Zoom level from which the finer outlines are loaded. */
const FINE_FROM_ZOOM = 5.5;
const FURTHEST_ZOOM = 16;

/** Of a sensor that has no mark, in pixels. */
const RING = 6;

/** A city, with its surroundings. */
const NEAREST_AT_START = 12;

export const MapView = (props: Props) => {
  const words = useWords();
  const { t } = words;
  const element = useRef<HTMLDivElement>(null);
  const parts = useRef<{ map: L.Map; sheet: Sheet; marks: Mark[]; shape: L.Path | null }>(null);
  // Drawing always uses the last rendering.
  const now = useRef({ props, words });
  now.current = { props, words };
  const [land, setLand] = useState<{ world: World; fine: boolean } | null>(null);
  const landNow = useRef(land);
  landNow.current = land;
  const [broken, setBroken] = useState(false);
  const [hover, setHover] = useState<{ x: number; y: number; text: string } | null>(null);

  useEffect(() => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const [latitude, longitude, zoom] = props.start;
    const map = L.map(element.current!, {
      center: [latitude, longitude],
      zoom,
      zoomSnap: ZOOM_STEP,
      minZoom: 1.5,
      maxZoom: FURTHEST_ZOOM,
      maxBounds: [[-85, -185], [85, 185]],
      zoomControl: false,
      attributionControl: false,
      zoomAnimation: !calm,
      fadeAnimation: !calm,
      inertia: !calm,
    });
    const paint: Parameters<typeof sheet>[0] = (context, window, zoom) => {
      const { props, words } = now.current;
      if (landNow.current) {
        const nameOf = (land: World[number]) => (land.code ? words.country(land.code) : land.name);
        paintWorld(context, landNow.current.world, window, props.dark ? DARK : LIGHT, nameOf);
      }
      const { frame, chosen, located, dark } = props;
      const marks = frame ? marksOf(frame, window, zoom, chosen) : [];
      parts.current!.marks = marks;
      if (!frame) return;
      paintMarks(context, marks, frame, props.palette, dark, chosen);
      if (located?.place && located.sensor === chosen && !frame.ids.includes(chosen)) {
        const [latitude, longitude] = located.place;
        const x = mercatorX(longitude) * window.scale - window.left;
        paintRing(context, { x, y: mercatorY(latitude) * window.scale - window.top }, RING, dark);
      }
    };
    const layer = sheet(paint);
    parts.current = { map, sheet: layer, marks: [], shape: null };
    layer.addTo(map);

    const tell = () => {
      const bounds = map.getBounds();
      const center = map.getCenter();
      const view = {
        west: bounds.getWest(),
        south: bounds.getSouth(),
        east: bounds.getEast(),
        north: bounds.getNorth(),
      };
      now.current.props.onView(view, [center.lat, center.lng, map.getZoom()]);
      // The coarse outlines first: they load fast.
      const fine = landNow.current !== null && map.getZoom() >= FINE_FROM_ZOOM;
      if (landNow.current && landNow.current.fine >= fine) return;
      world(fine).then(
        (world) => {
          setBroken(false);
          const known = landNow.current;
          landNow.current = known && known.fine > fine ? known : { world, fine };
          setLand(landNow.current);
          if (!fine) tell();
        },
        () => setBroken(true),
      );
    };
    map.on("moveend", tell);
    tell();

    const under = (event: L.LeafletMouseEvent) => {
      const point = layer.toCanvas(event.containerPoint);
      return markAt(parts.current!.marks, point.x, point.y);
    };
    map.on("mousemove", (event) => {
      const { props, words } = now.current;
      const mark = props.drawing || !props.frame ? null : under(event);
      map.getContainer().classList.toggle("over-mark", mark !== null);
      const { x, y } = event.containerPoint;
      setHover(mark && { x, y, text: described(mark, props.frame!, props.asOf === null, words) });
    });
    map.on("mouseout", () => setHover(null));
    map.on("click", (event) => {
      const { props } = now.current;
      if (props.drawing === "place") {
        return props.onDrawn(null, [event.latlng.lat, event.latlng.lng]);
      }
      if (props.drawing || !props.frame) return;
      const mark = under(event);
      if (!mark) return;
      setHover(null);
      open(map, mark, props);
    });

    const resized = new ResizeObserver(() => map.invalidateSize({ animate: false }));
    resized.observe(element.current!);
    return () => {
      resized.disconnect();
      map.remove();
    };
    // The map is created once; changes are applied by the effects below.
  }, []);

  const fitted = useRef(false);
  useEffect(() => {
    if (fitted.current || !props.frame || !props.fit) return;
    fitted.current = true;
    const usual = usualView(props.frame);
    if (!usual) return;
    const bounds = L.latLngBounds([usual.south, usual.west], [usual.north, usual.east]);
    parts.current?.map.fitBounds(bounds, { maxZoom: NEAREST_AT_START, animate: false });
  }, [props.frame, props.fit]);

  useEffect(() => {
    parts.current?.sheet.repaint();
  }, [props.frame, props.palette, props.dark, props.chosen, props.located, land, words]);

  useEffect(() => {
    const [goal, map] = [props.goal, parts.current?.map];
    if (!goal || !map) return;
    fitted.current = true;
    const [latitude, longitude, zoom] = "place" in goal ? goal.place : placeOfSought(map, goal, props.frame);
    map.setView([latitude, longitude], zoom);
  }, [props.goal]);

  useEffect(() => {
    const known = parts.current;
    if (!known) return;
    known.shape?.remove();
    known.shape = shapeOf(props.selection);
    known.shape?.addTo(known.map);
  }, [props.selection.area, props.selection.bbox, props.selection.near]);

  useDrawing(element, parts, props);
  const unplaced = useMemo(() => (props.frame ? unplacedOf(props.frame) : null), [props.frame]);

  return (
    <div class="map">
      <div ref={element} class="map-canvas" role="application" aria-label={t.map} id="map" />
      <div class="map-buttons">
        <button type="button" aria-label={t.zoomIn} onClick={() => parts.current?.map.zoomIn(1)}>
          +
        </button>
        <button type="button" aria-label={t.zoomOut} onClick={() => parts.current?.map.zoomOut(1)}>
          −
        </button>
      </div>
      {hover && (
        <div class="hover" aria-hidden="true" style={{ left: `${hover.x}px`, top: `${hover.y}px` }}>
          {hover.text}
        </div>
      )}
      {props.drawing && (
        <p class="map-note" role="status">
          {props.drawing === "box" ? t.boxHint : t.placeHint}
        </p>
      )}
      {props.asOf !== null && <p class="map-moment">{t.asOf(words.moment(props.asOf))}</p>}
      {broken && <p class="map-note">{t.worldFailed}</p>}
      {!props.frame && !props.failed && (
        <p class="map-note" role="status">
          {t.mapBusy}
        </p>
      )}
      {unplaced !== null && (
        <p class="map-note" role="status">
          {t.noPlaces(words.number(unplaced))}
        </p>
      )}
    </div>
  );
};

/** Shows one sensor; for several, zooms in, or shows the highest if that is not possible. */
const open = (map: L.Map, { sensors }: Mark, { frame, onChoose }: Props) => {
  if (sensors.length === 1) return onChoose(frame!.ids[sensors[0]!]!);
  const places = sensors.map((n) => [latitudeOf(frame!.y[n]!), longitudeOf(frame!.x[n]!)] as [number, number]);
  const bounds = L.latLngBounds(places);
  const apart = bounds.getNorthEast().distanceTo(bounds.getSouthWest());
  if (map.getZoom() < FURTHEST_ZOOM - 1 && apart > 5) {
    const nearest = Math.max(map.getZoom() + 1.5, Math.min(map.getBoundsZoom(bounds, false, L.point(30, 30)), FURTHEST_ZOOM));
    map.setView(bounds.getCenter(), nearest);
    return;
  }
  const rank = (n: number) => (frame!.leftOut[n] ? -2 : frame!.index[n]!);
  const highest = sensors.reduce((a, b) => (rank(b) > rank(a) ? b : a));
  onChoose(frame!.ids[highest]!);
};

const placeOfSought = (map: L.Map, sought: Sought, frame: Frame | null): Place => {
  const { x: width, y: height } = map.getSize();
  return [...sought.at, zoomAmongNeighbours(frame, sought, [width, height], map.getZoom())];
};

/** The number of sensors, if none of them has a location. */
const unplacedOf = (frame: Frame): number | null =>
  frame.length > 0 && frame.x.every(Number.isNaN) ? frame.length : null;

const described = (mark: Mark, frame: Frame, present: boolean, { t, number, band: bandOf }: Words): string => {
  const band = (index: number) => (present ? `${index} · ${bandOf(index)}` : String(index));
  const index = mark.index === null ? t.noVerdict : band(mark.index);
  if (mark.sensors.length > 1) return `${t.sensorsHere(number(mark.sensors.length))}: ${index}`;
  const n = mark.sensors[0]!;
  const said = [`${t.sensor(String(frame.ids[n]))}: ${index}`];
  if (!Number.isNaN(frame.pm10[n]!)) said.push(`PM10 ${number(frame.pm10[n]!, 1)}`);
  if (!Number.isNaN(frame.pm25[n]!)) said.push(`PM2.5 ${number(frame.pm25[n]!, 1)}`);
  said.push(...reasonsOf(frame, n).map((reason) => t.leftOutAs[reason] ?? reason));
  if (frame.ageHours[n]! > 0) said.push(t.silentFor(frame.ageHours[n]!));
  return said.join(" · ");
};

const numbers = (text: string, count: number): number[] | null => {
  const read = text.split(",").map((part) => Number.parseFloat(part));
  return read.length === count && read.every(Number.isFinite) ? read : null;
};

const shapeOf = (selection: Selection): L.Path | null => {
  const looks = { className: "drawn", fill: false, interactive: false };
  if (selection.area === "bbox") {
    const box = numbers(selection.bbox, 4);
    return box && L.rectangle([[box[1]!, box[0]!], [box[3]!, box[2]!]], looks);
  }
  if (selection.area === "near") {
    const near = numbers(selection.near, 3);
    const usable = near && near[2]! > 0 && near[2]! < 20_000;
    return usable ? L.circle([near[0]!, near[1]!], { ...looks, radius: near[2]! * 1000 }) : null;
  }
  return null;
};

/** A box dragged over the map; Escape cancels any drawing. */
const useDrawing = (
  element: { current: HTMLDivElement | null },
  parts: { current: { map: L.Map } | null },
  { drawing, onDrawn }: Props,
) => {
  useEffect(() => {
    const [box, map] = [element.current, parts.current?.map];
    if (!drawing || !box || !map) return;
    const left = (event: KeyboardEvent) => {
      if (event.key === "Escape") onDrawn(null, null);
    };
    addEventListener("keydown", left);
    box.classList.add("drawing");
    const ended = () => {
      removeEventListener("keydown", left);
      box.classList.remove("drawing");
    };
    if (drawing === "place") return ended;

    map.dragging.disable();
    let from: L.LatLng | null = null;
    let rectangle: L.Rectangle | null = null;
    const down = (event: PointerEvent) => {
      from = map.mouseEventToLatLng(event);
      box.setPointerCapture(event.pointerId);
      rectangle = L.rectangle(L.latLngBounds(from, from), { className: "drawn", fill: false });
      rectangle.addTo(map);
    };
    const move = (event: PointerEvent) => {
      if (from) rectangle?.setBounds(L.latLngBounds(from, map.mouseEventToLatLng(event)));
    };
    const up = () => {
      const bounds = rectangle?.getBounds();
      rectangle?.remove();
      if (from && bounds) onDrawn(boxText(bounds), null);
    };
    box.addEventListener("pointerdown", down);
    box.addEventListener("pointermove", move);
    box.addEventListener("pointerup", up);
    return () => {
      ended();
      map.dragging.enable();
      box.removeEventListener("pointerdown", down);
      box.removeEventListener("pointermove", move);
      box.removeEventListener("pointerup", up);
    };
  }, [drawing]);
};

const boxText = (bounds: L.LatLngBounds) =>
  boxOf({
    west: bounds.getWest(),
    south: bounds.getSouth(),
    east: bounds.getEast(),
    north: bounds.getNorth(),
  });

/** A view as a box for the API: within the world, to about ten metres. */
export const boxOf = ({ west, south, east, north }: View) => {
  const clamp = (value: number, most: number) => Math.max(-most, Math.min(most, value)).toFixed(4);
  return [clamp(west, 180), clamp(south, 90), clamp(east, 180), clamp(north, 90)].join(",");
};
