-- What a person may decide about the release that is under way.

local rollout = obj.status and obj.status.rollout or {}
local phase = rollout.phase
local over = phase == nil or phase == "Aborted" or phase == "Failed"

return {
  promote = { disabled = phase == nil },
  abort = { disabled = over },
  pause = { disabled = over or phase == "Paused" },
  resume = { disabled = not (phase == "Paused" or phase == "Aborted" or phase == "Failed") },
}
