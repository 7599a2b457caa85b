// The page: series at the side, one image large, and the tools of the session's role.

import { Stage } from "./stage.js";
import { Study, number, text } from "./study.js";
import { defaultWindow, isGrey, presets } from "./windows.js";

const BY_HAND = "by hand";
const $ = (id) => document.getElementById(id);
const { study: uid, role } = document.body.dataset;
const diagnostic = role === "DIAGNOSTIC";
const study = new Study(uid);
const shown = { series: null, modality: "", instances: [], at: 0, frame: 1, window: null };
const stage = new Stage($("stage"), { onWindow: dragWindow, onStep: (by) => stepImage(by), onEnded: notice });

async function start() {
  const [dataset, series] = await Promise.all([study.dataset(), study.series()]);
  describe(dataset);
  $("series").replaceChildren(...series.map(seriesButton));
  if (!series.length) return stage.say("This study has no series.");
  await openSeries(series[0]);
}

function describe(dataset) {
  const name = text(dataset, "PatientName").split("^").filter(Boolean);
  const facts = [text(dataset, "PatientID"), date(text(dataset, "PatientBirthDate")), text(dataset, "PatientSex")];
  $("patient").textContent = [name.length > 1 ? `${name[0]}, ${name.slice(1).join(" ")}` : name.join(""), ...facts].filter(Boolean).join(" · ");
  const about = [date(text(dataset, "StudyDate")), text(dataset, "StudyDescription")];
  $("study").textContent = about.filter(Boolean).join(" · ");
  notice(diagnostic ? "" : "Not for diagnosis");
}

function notice(sentence) {
  $("notice").textContent = sentence;
}

function date(dicom) {
  return /^\d{8}$/.test(dicom) ? `${dicom.slice(0, 4)}-${dicom.slice(4, 6)}-${dicom.slice(6)}` : "";
}

function seriesButton(series) {
  const button = document.createElement("button"), picture = document.createElement("span");
  const image = new Image(), title = document.createElement("strong"), details = document.createElement("small");
  const count = number(series, "NumberOfSeriesRelatedInstances", 0);
  picture.className = "picture";
  image.loading = "lazy";
  image.alt = "";
  image.addEventListener("error", () => picture.replaceChildren("No picture"));
  image.src = study.thumbnailURL(text(series, "SeriesInstanceUID"));
  picture.append(image);
  title.textContent = text(series, "SeriesDescription") || text(series, "BodyPartExamined") || `Series ${text(series, "SeriesNumber")}`;
  title.title = title.textContent;
  details.textContent = [text(series, "Modality"), count ? `${count} object${count === 1 ? "" : "s"}` : ""].filter(Boolean).join(" · ");
  button.dataset.series = text(series, "SeriesInstanceUID");
  button.append(picture, title, details);
  button.addEventListener("click", () => openSeries(series).catch(fail));
  return button;
}

async function openSeries(series) {
  shown.series = text(series, "SeriesInstanceUID");
  for (const button of $("series").children) {
    const chosen = button.dataset.series === shown.series;
    button.setAttribute("aria-current", chosen);
    if (chosen) button.scrollIntoView({ block: "nearest" });
  }
  const opened = shown.series;
  const instances = await study.instances(opened);
  if (opened !== shown.series) return;
  Object.assign(shown, { instances, modality: text(series, "Modality"), at: 0, frame: 1, window: null });
  stage.resetView();
  offerWindows();
  show();
}

function offerWindows() {
  const found = presets(current(), shown.modality);
  $("window").replaceChildren(...found.map(({ name, window }) => new Option(window ? `${name} (${Math.round(window.center)} / ${Math.round(window.width)})` : name, JSON.stringify(window))));
  $("window").disabled = found.length < 2;
}

function current() {
  return shown.instances[shown.at] ?? {};
}

function frames() {
  return Math.max(number(current(), "NumberOfFrames", 1), 1);
}

function pictureURL(at, frame) {
  const instance = shown.instances[at];
  return study.pictureURL(shown.series, text(instance, "SOPInstanceUID"), frame, stage.viewport(), shown.window);
}

function show() {
  const { at, frame, instances } = shown, last = instances.length - 1, count = frames();
  $("image-number").textContent = `${at + 1} / ${last + 1}`;
  $("previous").disabled = at === 0;
  $("next").disabled = at === last;
  $("frames").hidden = count < 2;
  Object.assign($("frame"), { max: count, value: frame });
  $("frame-number").textContent = `${frame} / ${count}`;
  $("previous-frame").disabled = frame === 1;
  $("next-frame").disabled = frame === count;
  const file = text(current(), "SOPInstanceUID");
  Object.assign($("download"), { href: study.fileURL(shown.series, file), download: `${file}.dcm` });
  label();
  stage.show(pictureURL(at, frame), `Image ${at + 1} of ${last + 1}`);
  if (frame < count) stage.prepare(pictureURL(at, frame + 1));
  else if (at < last) stage.prepare(pictureURL(at + 1, 1));
}

function label() {
  const lines = [`Image ${text(current(), "InstanceNumber") || shown.at + 1}${frames() > 1 ? `, frame ${shown.frame}` : ""}`];
  if (isGrey(current())) {
    const { center, width } = shown.window ?? defaultWindow(current());
    const known = shown.window || text(current(), "WindowCenter");
    lines.push(known ? `Center ${Math.round(center)}, width ${Math.round(width)}` : "Window chosen automatically");
  }
  $("corner").textContent = lines.join("\n");
}

function stepImage(by) {
  const at = Math.min(Math.max(shown.at + by, 0), shown.instances.length - 1);
  if (at === shown.at || !shown.instances.length) return;
  Object.assign(shown, { at, frame: 1 });
  show();
}

function stepFrame(by) {
  const frame = Math.min(Math.max(shown.frame + by, 1), frames());
  if (frame === shown.frame) return;
  shown.frame = frame;
  show();
}

function dragWindow(right, down) {
  if (!isGrey(current())) return;
  const { center, width } = shown.window ?? defaultWindow(current());
  const reach = Math.max(defaultWindow(current()).width, 64) * 2;
  shown.window = { center: center + down * reach, width: Math.max(width + right * reach, 1) };
  chooseByHand();
  label();
  stage.show(pictureURL(shown.at, shown.frame), stage.image.alt);
}

function chooseByHand() {
  const list = $("window"), last = list.options[list.options.length - 1];
  if (last.value !== BY_HAND) list.add(new Option("By hand", BY_HAND));
  list.value = BY_HAND;
}

function reset() {
  shown.window = null;
  $("window").selectedIndex = 0;
  stage.resetView();
  show();
}

function useTool(name) {
  stage.tool = name;
  for (const button of $("drag").querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.tool === name);
}

function fail(error) {
  stage.say(error.message);
}

const KEYS = {
  ArrowUp: () => stepImage(-1), ArrowDown: () => stepImage(1), PageUp: () => stepImage(-10), PageDown: () => stepImage(10),
  Home: () => stepImage(-1e9), End: () => stepImage(1e9), ArrowLeft: () => stepFrame(-1), ArrowRight: () => stepFrame(1),
};
document.addEventListener("keydown", (event) => {
  const action = KEYS[event.key];
  if (!action || ["SELECT", "INPUT"].includes(event.target.tagName) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  action();
});
$("previous").addEventListener("click", () => stepImage(-1));
$("next").addEventListener("click", () => stepImage(1));
$("previous-frame").addEventListener("click", () => stepFrame(-1));
$("next-frame").addEventListener("click", () => stepFrame(1));
$("frame").addEventListener("input", (event) => stepFrame(Number(event.target.value) - shown.frame));
$("window").addEventListener("change", (event) => {
  if (event.target.value === BY_HAND) return;
  shown.window = JSON.parse(event.target.value);
  show();
});
$("reset").addEventListener("click", reset);
if (diagnostic) {
  $("drag").hidden = $("download").hidden = false;
  $("drag").addEventListener("click", (event) => event.target.dataset.tool && useTool(event.target.dataset.tool));
  useTool("window");
}
start().catch(fail);
