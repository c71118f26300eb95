// A Leaflet layer with one canvas: redrawn when the map has moved, scaled while it zooms.

import L from "leaflet";
import type { Window } from "./world";

type Paint = (context: CanvasRenderingContext2D, window: Window, zoom: number) => void;

export interface Sheet extends L.Layer {
  repaint(): void;
  /** From the map's container to the canvas, in pixels. */
  toCanvas(point: L.Point): L.Point;
}

// Leaflet's renderers are its extension mechanism, but their members are not in its types.
const Renderer = (L.Renderer as any).extend({
  initialize(this: any, paint: Paint) {
    (L.Renderer.prototype as any).initialize.call(this, { padding: 0.25 });
    this.paint = paint;
  },
  _initContainer(this: any) {
    this._container = document.createElement("canvas");
    this._container.setAttribute("aria-hidden", "true");
    this.context = this._container.getContext("2d");
  },
  _destroyContainer(this: any) {
    this._container.remove();
    delete this._container;
  },
  _update(this: any) {
    if (this._map._animatingZoom && this._bounds) return;
    (L.Renderer.prototype as any)._update.call(this);
    const size = this._bounds.getSize();
    const ratio = window.devicePixelRatio || 1;
    const canvas: HTMLCanvasElement = this._container;
    L.DomUtil.setPosition(canvas, this._bounds.min);
    canvas.width = size.x * ratio;
    canvas.height = size.y * ratio;
    canvas.style.width = `${size.x}px`;
    canvas.style.height = `${size.y}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.repaint();
  },
  repaint(this: any) {
    if (!this._map || !this._bounds) return;
    const size = this._bounds.getSize();
    const corner = this._map.getPixelOrigin().add(this._bounds.min);
    const zoom: number = this._map.getZoom();
    const scale = 256 * 2 ** zoom;
    const place = { scale, left: corner.x, top: corner.y, width: size.x, height: size.y };
    this.context.clearRect(0, 0, size.x, size.y);
    this.paint(this.context, place, zoom);
  },
  toCanvas(this: any, point: L.Point) {
    return this._map.containerPointToLayerPoint(point).subtract(this._bounds.min);
  },
});

export const sheet = (paint: Paint): Sheet => new Renderer(paint) as Sheet;
