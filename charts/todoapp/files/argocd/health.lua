-- Health of a TodoApp for Argo CD, by the rules of kstatus. Lua 5.1 without the string library, as Argo CD runs it.

local function told(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return told("Progressing", "it is being deleted")
end

local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return told("Progressing", "the operator has not looked at this generation yet")
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is_true(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if is_true("Stalled") then
  return told("Degraded", conditions.Stalled.reason .. ": " .. conditions.Stalled.message)
end
if is_true("Reconciling") then
  return told("Progressing", conditions.Reconciling.message)
end

local rollout = status.rollout or {}
local release = rollout.candidate and ("release of " .. rollout.candidate .. ": " .. (rollout.message or ""))
if rollout.phase == "Paused" or rollout.phase == "WaitingForPromotion" then
  return told("Suspended", release)
end
-- What Git asks for is not what runs, and will not by itself.
if rollout.phase == "Aborted" or rollout.phase == "Failed" then
  return told("Degraded", release)
end

-- At zero it is ready: its first request wakes it.
if is_true("Ready") then
  return told("Healthy", release or conditions.Ready.message)
end
return told("Progressing", conditions.Ready and conditions.Ready.message or "it is not ready yet")
