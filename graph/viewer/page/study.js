// One study over the DICOMweb view of this session.

const TAGS = {
  BitsStored: "00280101", BodyPartExamined: "00180015", InstanceNumber: "00200013", Modality: "00080060",
  NumberOfFrames: "00280008", NumberOfSeriesRelatedInstances: "00201209", PatientBirthDate: "00100030", PatientID: "00100020",
  PatientName: "00100010", PatientSex: "00100040", PhotometricInterpretation: "00280004", RescaleIntercept: "00281052",
  RescaleSlope: "00281053", Rows: "00280010", SeriesDescription: "0008103E", SeriesInstanceUID: "0020000E",
  SeriesNumber: "00200011", SOPInstanceUID: "00080018", StudyDate: "00080020", StudyDescription: "00081030",
  WindowCenter: "00281050", WindowCenterWidthExplanation: "00281055", WindowWidth: "00281051",
};

export class Ended extends Error {}

/** All values of an attribute of a DICOM JSON dataset. */
export function values(dataset, keyword) {
  const found = dataset[TAGS[keyword]]?.Value ?? [];
  return found.map((value) => (value && typeof value === "object" ? value.Alphabetic ?? value.Ideographic ?? "" : value));
}

/** The first value as text, empty when there is none. */
export function text(dataset, keyword) {
  return String(values(dataset, keyword)[0] ?? "");
}

/** The first value as a number, or the given one. */
export function number(dataset, keyword, otherwise = NaN) {
  const found = Number.parseFloat(values(dataset, keyword)[0]);
  return Number.isFinite(found) ? found : otherwise;
}

export class Study {
  constructor(uid) {
    this.path = `../dicomweb/studies/${uid}`;
    this.uid = uid;
    this.loaded = new Map();
  }

  async dataset() {
    const fields = "includefield=StudyDescription,PatientBirthDate,PatientSex";
    const [found] = await json(`../dicomweb/studies?StudyInstanceUID=${this.uid}&${fields}`);
    return found ?? {};
  }

  series() {
    return json(`${this.path}/series?includefield=SeriesDescription,BodyPartExamined,NumberOfSeriesRelatedInstances`);
  }

  /** The metadata of a series' instances, by number; fetched once. */
  instances(series) {
    if (!this.loaded.has(series)) {
      const fetched = json(`${this.path}/series/${series}/metadata`).then((rows) => rows.sort(byNumber));
      fetched.catch(() => this.loaded.delete(series));
      this.loaded.set(series, fetched);
    }
    return this.loaded.get(series);
  }

  thumbnailURL(series) {
    return `${this.path}/series/${series}/thumbnail?viewport=384,300`;
  }

  fileURL(series, instance) {
    return `${this.path}/series/${series}/instances/${instance}`;
  }

  /** A frame as a picture that fills the viewport; the window is {center, width} or null for the file's own. */
  pictureURL(series, instance, frame, viewport, window) {
    const shown = window ? `&window=${round(window.center)},${round(window.width)},linear` : "";
    const of = `${this.fileURL(series, instance)}/frames/${frame}/rendered`;
    return `${of}?viewport=${viewport.join(",")}&quality=92${shown}`;
  }
}

/** A fetched answer; throws with the server's sentence, and `Ended` when the session is over. */
export async function get(url, options = {}) {
  const response = await fetch(url, { credentials: "same-origin", ...options });
  if (response.ok) return response;
  if (response.status === 401 || response.status === 403) throw new Ended("The session has ended: ask for a new link.");
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `The server answered with status ${response.status}.`);
}

async function json(url) {
  return (await get(url, { headers: { Accept: "application/dicom+json" } })).json();
}

function byNumber(one, other) {
  return number(one, "InstanceNumber", 1e9) - number(other, "InstanceNumber", 1e9);
}

function round(value) {
  return Math.round(value * 100) / 100;
}
