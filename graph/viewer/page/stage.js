// The large image: fetches what is to be shown, the latest wish first, and follows the pointer.

import { Ended, get } from "./study.js";

const SIDE_STEP = 128, LARGEST_SIDE = 2048, MOST_KEPT = 64, LARGEST_ZOOM = 16;

export class Stage {
  constructor(element, { onWindow, onStep, onEnded }) {
    this.element = element;
    this.image = element.querySelector("img");
    this.message = element.querySelector("#message");
    this.onWindow = onWindow;
    this.onStep = onStep;
    this.onEnded = onEnded;
    this.kept = new Map();
    this.tool = null;
    this.resetView();
    element.addEventListener("pointerdown", (event) => this.grab(event));
    element.addEventListener("wheel", (event) => this.turn(event), { passive: false });
  }

  /** The size of picture worth asking for, in steps, so that a resized page asks anew only now and then. */
  viewport() {
    const scale = window.devicePixelRatio || 1;
    const side = (length) => Math.min(Math.max(Math.ceil((length * scale) / SIDE_STEP) * SIDE_STEP, SIDE_STEP), LARGEST_SIDE);
    return [side(this.element.clientWidth), side(this.element.clientHeight)];
  }

  /** Shows the picture at a URL; of wishes that come faster than pictures, those in between are skipped. */
  async show(url, description) {
    this.wanted = { url, description };
    if (this.busy) return;
    this.busy = true;
    this.element.classList.add("loading");
    while (this.wanted) {
      const next = this.wanted;
      this.wanted = null;
      await this.load(next);
    }
    this.element.classList.remove("loading");
    this.busy = false;
  }

  async load({ url, description }) {
    try {
      this.image.src = await this.picture(url);
      this.image.alt = description;
      await this.image.decode();
      this.say("");
    } catch (error) {
      this.image.removeAttribute("src");
      this.say(error.message);
      if (error instanceof Ended) this.onEnded(error.message);
    }
  }

  /** Fetches ahead what will be wanted next. */
  prepare(url) {
    this.picture(url).catch(() => {});
  }

  picture(url) {
    const known = this.kept.get(url) ?? get(url, { headers: { Accept: "image/jpeg" } }).then(asObjectURL);
    this.kept.delete(url);
    this.kept.set(url, known);
    known.catch(() => this.kept.delete(url));
    for (const [oldest, picture] of this.kept) {
      if (this.kept.size <= MOST_KEPT) break;
      this.kept.delete(oldest);
      picture.then((made) => made !== this.image.src && URL.revokeObjectURL(made), () => {});
    }
    return known;
  }

  say(text) {
    this.message.textContent = text;
    this.message.hidden = !text;
  }

  resetView() {
    this.view = { x: 0, y: 0, zoom: 1 };
    this.place();
  }

  place() {
    const { x, y, zoom } = this.view;
    this.image.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    this.image.style.imageRendering = zoom > 3 ? "pixelated" : "auto";
  }

  zoomBy(factor) {
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, 0.25), LARGEST_ZOOM);
    this.place();
  }

  grab(event) {
    if (!this.tool || event.button !== 0) return;
    event.preventDefault();
    this.element.focus();
    this.element.setPointerCapture(event.pointerId);
    let [x, y] = [event.clientX, event.clientY];
    const move = (moved) => {
      this.drag(moved.clientX - x, moved.clientY - y);
      [x, y] = [moved.clientX, moved.clientY];
    };
    const drop = () => {
      this.element.removeEventListener("pointermove", move);
      this.element.removeEventListener("pointerup", drop);
      this.element.removeEventListener("pointercancel", drop);
    };
    this.element.addEventListener("pointermove", move);
    this.element.addEventListener("pointerup", drop);
    this.element.addEventListener("pointercancel", drop);
  }

  drag(right, down) {
    if (this.tool === "window") return this.onWindow(right / this.element.clientWidth, down / this.element.clientHeight);
    if (this.tool === "zoom") return this.zoomBy(Math.exp(-down / 200));
    this.view.x += right;
    this.view.y += down;
    this.place();
  }

  turn(event) {
    event.preventDefault();
    if (event.ctrlKey && this.tool) this.zoomBy(Math.exp(-event.deltaY / 300));
    else this.onStep(Math.sign(event.deltaY));
  }
}

async function asObjectURL(response) {
  return URL.createObjectURL(await response.blob());
}
