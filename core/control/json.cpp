// JSON of status, events, keys and reloads. Called by the control server and by
// the embedding facade; the one place where the field names stand.
#include "control/json.hpp"

#include "control/json_text.hpp"

namespace peerhold {
namespace {

// Seconds with one decimal.
Json seconds(Milliseconds ms) {
  return static_cast<double>((ms.count() + 50) / 100) / 10.0;
}
Json seconds(const std::optional<Milliseconds>& ms) {
  return ms ? seconds(*ms) : Json(nullptr);
}
Json time(const std::optional<WallTime>& at) {
  return at ? Json(format_time(*at)) : Json(nullptr);
}

Json failure(const Failure& f) {
  return Json{{"code", to_string(f.cause)}, {"text", f.text}, {"at", format_time(f.at)}};
}
Json failure(const std::optional<Failure>& f) {
  return f ? failure(*f) : Json(nullptr);
}

// A plugin writes its object itself; what is no JSON object must not break the whole answer.
// What the session has counted for its instances stands beside it.
Json plugin_object(const SessionStatus& s) {
  Json object = Json::parse(s.plugin_status, nullptr, false);
  if (!object.is_object()) object = Json::object();
  for (const SessionStatus::Metric& m : s.plugin_metrics) {
    if (m.label.empty()) {
      object[m.name] = m.value;
    } else if (Json& by_label = object[m.name]; by_label.is_null() || by_label.is_object()) {
      by_label[m.label] = m.value;
    }
  }
  return object;
}

Json session(const SessionStatus& s, bool recent) {
  Json key = nullptr;
  if (s.key)
    key = Json{{"chain", s.key->chain},
               {"id", s.key->id},
               {"method", s.key->method},
               {"cause", s.key->cause}};
  Json labels = Json::object();
  for (const auto& [name, value] : s.labels) labels[name] = value;
  Json out{
      {"name", s.name},
      {"plugin", s.plugin},
      {"mode", s.mode},
      {"peer", s.peer},
      {"source", s.source},
      {"description", s.description},
      {"labels", std::move(labels)},
      {"state", to_string(s.state)},
      {"since", format_time(s.since)},
      {"uptime_s", seconds(s.uptime)},
      {"health", to_string(s.health)},
      {"health_text", s.health_text},
      {"key", std::move(key)},
      {"links", s.links},
      {"app", Json{{"endpoint", s.app_endpoint},
                   {"attached", s.apps_attached},
                   {"absent_s", seconds(s.app_absent)},
                   {"hold_left_s", seconds(s.hold_left)}}},
      {"attempts", s.attempts},
      {"established_count", s.established_count},
      {"retry_in_s", seconds(s.retry_in)},
      {"last_error", failure(s.last_error)},
      {"last_down", failure(s.last_down)},
      {"bytes", Json{{"peer_to_app", s.peer_to_app}, {"app_to_peer", s.app_to_peer}}},
      {"plugin_status", plugin_object(s)},
  };
  if (recent) {
    Json list = Json::array();
    for (const Failure& f : s.recent_errors) list.push_back(failure(f));
    out["recent_errors"] = std::move(list);
    Json uses = Json::array();
    for (const SessionStatus::KeyWork& use : s.key_work)
      uses.push_back(Json{
          {"id", use.id}, {"last_sent", time(use.sent)}, {"last_received", time(use.received)}});
    out["key_uses"] = std::move(uses);
    out["key_confirmed"] = !s.key || s.key->confirmed;
  }
  return out;
}

}  // namespace

std::string status_json(const KeeperStatus& k, int pid, const std::vector<SessionStatus>& sessions,
                        bool recent) {
  Json list = Json::array();
  for (const SessionStatus& s : sessions) list.push_back(session(s, recent));
  return dump(Json{{"schema", 1},
                   {"keeper", Json{{"version", k.version},
                                   {"pid", pid},
                                   {"started", format_time(k.started)},
                                   {"config", k.config},
                                   {"tcp_md5", k.tcp_md5},
                                   {"tcp_ao", k.tcp_ao},
                                   {"sessions", k.sessions},
                                   {"established", k.established}}},
                   {"sessions", std::move(list)}});
}

std::string diagnosis_json(const Diagnosis& d) {
  Json sessions = Json::array();
  for (const Diagnosis::OfSession& one : d.sessions) {
    Json findings = Json::array();
    for (const Diagnosis::Found& found : one.found)
      findings.push_back(Json{{"code", found.code}, {"lines", found.lines}});
    sessions.push_back(
        Json{{"name", one.name}, {"peer", one.peer}, {"findings", std::move(findings)}});
  }
  Json host = nullptr;
  if (d.host)
    host = Json{{"kernel", d.host->kernel},
                {"tcp_md5", d.host->tcp_md5},
                {"cap_net_raw", d.host->may_capture},
                {"cap_net_raw_text", d.host->capture_text},
                {"cap_net_bind_service", d.host->may_bind_low},
                {"optmem_max", d.host->optmem_max},
                {"keys_per_listener", d.host->keys_per_listener},
                {"dropped",
                 {{"unsigned", d.host->counters.not_found},
                  {"unexpected", d.host->counters.unexpected},
                  {"wrong", d.host->counters.failure},
                  {"ttl", d.host->counters.ttl_dropped}}}};
  return dump(Json{{"sessions", std::move(sessions)}, {"host", std::move(host)}});
}

std::string operated_json(std::size_t sessions, const std::string& reply) {
  Json out{{"sessions", sessions}};
  if (!reply.empty()) out["reply"] = reply;
  return dump(out);
}

std::string event_json(const Event& e) {
  return dump(Json{{"time", format_time(e.time)},
                   {"session", e.session},
                   {"event", to_string(e.kind)},
                   {"from", e.from},
                   {"to", e.to},
                   {"cause", e.cause},
                   {"text", e.text}});
}

std::string keys_json(const std::vector<KeyStatus>& chains) {
  Json list = Json::array();
  for (const KeyStatus& chain : chains) {
    Json keys = Json::array();
    for (const KeyStatus::OneKey& key : chain.keys)
      keys.push_back(Json{{"id", key.id},
                          {"start", time(key.start)},
                          {"end", time(key.end)},
                          {"valid", key.valid},
                          {"in_use_by", key.in_use_by},
                          {"last_used", time(key.last_used)},
                          {"last_sent", time(key.last_sent)},
                          {"last_received", time(key.last_received)}});
    list.push_back(
        Json{{"name", chain.name}, {"rollover", chain.rollover}, {"keys", std::move(keys)}});
  }
  Json out = Json::object();
  out["chains"] = std::move(list);
  return dump(out);
}

std::string reload_json(const ReloadOutcome& outcome, bool dry_run) {
  Json actions = Json::array();
  for (const ReloadAction& a : outcome.actions)
    actions.push_back(
        Json{{"session", a.session}, {"action", to_string(a.what)}, {"keys", a.keys}});
  Json diagnostics = Json::array();
  for (const Diagnostic& d : outcome.diagnostics)
    diagnostics.push_back(Json{{"file", d.at.file},
                               {"line", d.at.line},
                               {"column", d.at.column},
                               {"severity", d.severity == Diagnostic::error ? "error" : "warning"},
                               {"text", d.text}});
  return dump(Json{{"dry_run", dry_run},
                   {"actions", std::move(actions)},
                   {"diagnostics", std::move(diagnostics)}});
}

std::string_view to_string(ReloadAction::What what) {
  switch (what) {
    case ReloadAction::What::keep:
      return "keep";
    case ReloadAction::What::live:
      return "live";
    case ReloadAction::What::restart:
      return "restart";
    case ReloadAction::What::add:
      return "add";
    case ReloadAction::What::remove:
      return "remove";
  }
  return "keep";
}

std::string diagnostic_line(const Diagnostic& d) {
  return d.at.file + ":" + std::to_string(d.at.line) + ":" + std::to_string(d.at.column) +
         (d.severity == Diagnostic::error ? ": error: " : ": warning: ") + escape_control(d.text);
}

}  // namespace peerhold
