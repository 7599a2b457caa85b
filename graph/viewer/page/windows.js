// Window presets: those of the file, those of the modality.

import { number, text, values } from "./study.js";

const CT = [["Soft tissue", 40, 400], ["Lung", -600, 1500], ["Bone", 480, 2500], ["Brain", 40, 80], ["Liver", 60, 160]];
const MOST_OF_THE_FILE = 6;

/** Whether windows change anything: colour is shown as it is. */
export function isGrey(instance) {
  return text(instance, "PhotometricInterpretation").startsWith("MONOCHROME");
}

/** The file's own first window, or one over the range that its numbers can have. */
export function defaultWindow(instance) {
  const center = number(instance, "WindowCenter"), width = number(instance, "WindowWidth");
  if (Number.isFinite(center) && width >= 1) return { center, width };
  const range = 2 ** Math.min(number(instance, "BitsStored", 8), 16) * number(instance, "RescaleSlope", 1);
  return { center: range / 2 + number(instance, "RescaleIntercept", 0), width: Math.max(range, 1) };
}

/** {name, window} each; the first, without a window, is as the server shows it. */
export function presets(instance, modality) {
  const found = [{ name: "Default", window: null }];
  if (!isGrey(instance)) return found;
  return [...found, ...ofFile(instance), ...(modality === "CT" ? CT.map(named) : around(defaultWindow(instance)))];
}

function ofFile(instance) {
  const centers = values(instance, "WindowCenter"), widths = values(instance, "WindowWidth");
  const names = values(instance, "WindowCenterWidthExplanation");
  const count = Math.min(centers.length, widths.length, MOST_OF_THE_FILE);
  if (count < 2) return [];
  return Array.from({ length: count }, (_, at) => named([String(names[at] ?? `Window ${at + 1}`), centers[at], widths[at]]));
}

function around({ center, width }) {
  return [
    ["Brighter", center - width / 4, width], ["Darker", center + width / 4, width],
    ["More contrast", center, Math.max(width / 2, 1)], ["Less contrast", center, width * 2],
  ].map(named);
}

function named([name, center, width]) {
  return { name, window: { center: Number(center), width: Math.max(Number(width), 1) } };
}
