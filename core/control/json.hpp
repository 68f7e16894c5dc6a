// The JSON that scripts read, from plain values: `status`, `watch`, `key list`, `plugins`,
// reload. Each function returns one line without its newline; field names, their order and nulls
// are what scripts rely on. Text that is not UTF-8 is made so.
#pragma once

#include <string>
#include <vector>

#include "keeper/keeper.hpp"
#include "session/event.hpp"
#include "session/status.hpp"

namespace peerhold {

class Library;

// `recent`: with `recent_errors` (status NAME --json).
std::string status_json(const KeeperStatus&, int pid, const std::vector<SessionStatus>&,
                        bool recent);
std::string event_json(const Event&);
std::string keys_json(const std::vector<KeyStatus>&);
std::string plugins_json(const std::vector<const Library*>&);
// {"dry_run", "actions": [{"session", "action", "keys"}], "diagnostics": [{"file", "line",
// "column", "severity", "text"}]}
std::string reload_json(const ReloadOutcome&, bool dry_run);

// {"sessions": [{"name", "peer", "findings": [{"code", "lines"}]}], "host"}
std::string diagnosis_json(const Diagnosis&);
// {"sessions", "reply"}: how many were operated on, what their plugins say, a line each.
std::string operated_json(std::size_t sessions, const std::string& reply);

std::string_view to_string(ReloadAction::What);
// "FILE:LINE:COL: error: TEXT", as check prints it.
std::string diagnostic_line(const Diagnostic&);

}  // namespace peerhold
