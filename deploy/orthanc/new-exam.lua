-- Announces every stable study to dicom-graph's POST /new-exam-callback, in that route's field names.
--
-- Environment of Orthanc: NEW_EXAM_URL, e.g. http://dicom-graph:8000/new-exam-callback; CALLBACK_TOKEN where the service
-- asks for one; SOURCE_ID, the name that events carry (default: ORTHANC).
--
-- Measured on Orthanc 1.10: while an answer does not come, nothing is taken in over HTTP, until Orthanc's HttpTimeout
-- (60 s unless set; from 1.11.1 on this script sets its own); a failed post is not tried again, and a restart within
-- StableAge loses the event. dicom-graph's RECONCILE_URL makes up for what is lost; it knows by StudyStateID what was
-- announced already.

local SECONDS = 5
local URL = os.getenv('NEW_EXAM_URL')
local TOKEN = os.getenv('CALLBACK_TOKEN')
local SOURCE = os.getenv('SOURCE_ID') or 'ORTHANC'

if URL == nil then print('NEW_EXAM_URL is not set: exams are not announced') end

-- Fields that are copied as they are: from the study, and from its patient.
local STUDY_FIELDS = {
  'StudyInstanceUID', 'AccessionNumber', 'StudyDate', 'StudyTime', 'StudyID', 'ReferringPhysicianName', 'StudyDescription',
}
local PATIENT_FIELDS = { 'PatientID', 'PatientName', 'PatientBirthDate', 'PatientSex' }

local function fetch(path)
  local answer = RestApiGet(path, false)
  return answer and ParseJson(answer)
end

local function copy(fields, from, to)
  for _, name in ipairs(fields) do to[name] = from[name] or '' end
end

-- A set that remembers its order; written as DICOM writes many values.
local function collector()
  local seen, values = {}, {}
  return {
    add = function(value)
      if value and value ~= '' and not seen[value] then
        seen[value] = true
        values[#values + 1] = value
      end
    end,
    text = function() return table.concat(values, '\\') end,
  }
end

-- The station that sent a series: known for what came by C-STORE, not for what came over HTTP.
local function sender(series)
  local first = series.Instances[1]
  local metadata = first and fetch('/instances/' .. first .. '/metadata?expand')
  return metadata and metadata.RemoteAET
end

function OnStableStudy(id, _, _)
  local study = fetch('/studies/' .. id)
  if URL == nil or study == nil then return end
  local modalities, titles, stations, instances = collector(), collector(), collector(), 0
  local series = fetch('/studies/' .. id .. '/series') or {}
  for _, one in ipairs(series) do
    local tags = one.MainDicomTags or {}
    modalities.add(tags.Modality)
    stations.add(tags.StationName)
    titles.add(sender(one))
    instances = instances + #one.Instances
  end
  local event = {
    EventType = 'COMPLETED',
    SourceID = SOURCE,
    ModalitiesInStudy = modalities.text(),
    AeTitles = titles.text(),
    StationNames = stations.text(),
    NumberOfStudyRelatedSeries = tostring(#series),
    NumberOfStudyRelatedInstances = tostring(instances),
    StudyStateID = id .. ':' .. (study.LastUpdate or '') .. ':' .. instances,
  }
  copy(STUDY_FIELDS, study.MainDicomTags or {}, event)
  copy(PATIENT_FIELDS, study.PatientMainDicomTags or {}, event)
  local headers = { ['Content-Type'] = 'application/json; charset=utf-8' }
  if TOKEN then headers['Authorization'] = 'Bearer ' .. TOKEN end
  if SetHttpTimeout then SetHttpTimeout(SECONDS) end
  -- Strings stay strings, or the PatientID "000123" would become the number 123.
  if HttpPost(URL, DumpJson(event, true), headers) == nil then
    print('a new exam was not announced: ' .. URL .. ' did not take it')
  end
end
