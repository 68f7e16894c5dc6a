// Makes the status table, the full view and the monitoring line. Called by cli/status.cpp.
#include "cli/status_text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>
#include <vector>

#include "cli/json_view.hpp"
#include "session/status.hpp"

namespace peerhold::cli {
namespace {

Milliseconds ms(double seconds) {
  return Milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

std::string age(double seconds) {
  return format_age(ms(std::max(0.0, seconds)));
}

// Seconds since a time of the contract's form, "2026-11-23T16:00:03Z".
double since(const std::string& at, WallTime now) {
  std::tm tm{};
  if (std::sscanf(at.c_str(), "%d-%d-%dT%d:%d:%dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                  &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
    return 0;
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  return static_cast<double>(std::chrono::system_clock::to_time_t(now) - ::timegm(&tm));
}

int rank(const Json& session) {
  const std::string health = text(session, "health");
  return health == "down" ? 0 : health == "degraded" ? 1 : 2;
}

Colour colour_of(const Json& session) {
  constexpr Colour by_rank[] = {Colour::red, Colour::yellow, Colour::green};
  return by_rank[rank(session)];
}

std::string shown(const Json& session, const char* key) {
  return escape_control(text(session, key));
}

// What health_text says between "no app is attached" and a colon: ", 1204 routes".
std::string held_of(const Json& session) {
  const std::string why = shown(session, "health_text");
  if (!why.starts_with(app_is_absent)) return {};
  return why.substr(app_is_absent.size(), why.find(':') - app_is_absent.size());
}

// "established (held: no app 3m12s, 1204 routes, releases in 1m48s)", "backoff (retry in 1.2s)"
std::string state_of(const Json& session) {
  const std::string state = shown(session, "state");
  const Json& app = field(session, "app");
  std::string more;
  if (state == "established" && field(app, "absent_s").is_number()) {
    more = "held: no app " + age(number(app, "absent_s")) + held_of(session);
    if (field(app, "hold_left_s").is_number())
      more += ", releases in " + age(number(app, "hold_left_s"));
  } else if (state == "backoff") {
    // Rounded up: "in 0s" would be now.
    if (field(session, "retry_in_s").is_number())
      more = "retry in " + age(std::ceil(number(session, "retry_in_s")));
    else if (text(session, "mode") == "active")  // per-client, and nobody waits
      more = "until a client comes";
  } else if (text(session, "health") == "degraded") {
    more = shown(session, "health_text");
  }
  return more.empty() ? state : state + " (" + more + ")";
}

std::string time_in_state(const Json& session, const Look& look) {
  if (text(session, "state") == "established") return age(number(session, "uptime_s"));
  return age(since(text(session, "since"), look.now));
}

std::string key_of(const Json& session) {
  const Json& key = field(session, "key");
  if (!key.is_object()) return "none";
  return shown(key, "chain") + "/" + std::to_string(static_cast<long>(number(key, "id")));
}

std::string app_of(const Json& session) {
  const Json& app = field(session, "app");
  const auto attached = static_cast<long>(number(app, "attached"));
  std::string out = shown(app, "endpoint");
  if (out.empty()) out = "-";
  return attached > 0 ? out + " (" + std::to_string(attached) + ")" : out;
}

std::string failure_of(const Json& failure) {
  if (!failure.is_object()) return "-";
  return shown(failure, "code") + ": " + shown(failure, "text");
}

// In the table: of a session that is well only what it was and when, not why.
std::string failure_in_table(const Json& session, const Look& look) {
  const Json& failure = field(session, "last_error");
  if (!failure.is_object() || text(session, "health") != "ok") return failure_of(failure);
  return shown(failure, "code") + " " + age(since(text(failure, "at"), look.now)) + " ago";
}

std::string timed_failure(const Json& failure) {
  return failure.is_object() ? shown(failure, "at") + "  " + failure_of(failure) : "none";
}

// A plugin's own value for people: "as 64512, state Established, messages (in 3, out 4)".
std::string in_words(const Json& value) {
  if (value.is_string()) return escape_control(value.get<std::string>());
  if (!value.is_structured())
    return escape_control(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::string out;
  for (const auto& [name, inner] : value.items()) {
    if (!out.empty()) out += ", ";
    if (value.is_object()) out += escape_control(name) + ' ';
    out += inner.is_structured() ? '(' + in_words(inner) + ')' : in_words(inner);
  }
  return out.empty() ? "none" : out;
}

// The same in lines that a terminal shows whole.
std::vector<std::string> wrapped(const Json& value) {
  constexpr std::size_t longest = 90;
  if (!value.is_object() || value.empty()) return {in_words(value)};
  std::vector<std::string> lines;
  for (const auto& [name, inner] : value.items()) {
    const std::string item = in_words(Json::object({{name, inner}}));
    if (lines.empty() || lines.back().size() + item.size() > longest)
      lines.push_back(item);
    else
      lines.back() += ", " + item;
  }
  return lines;
}

std::string count(double n, const char* what) {
  const auto whole = static_cast<long long>(n);
  return std::to_string(whole) + " " + what + (whole == 1 ? "" : "s");
}

}  // namespace

std::string pretty(const std::string& json) {
  const Json parsed = parse_json(json);
  return parsed.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string status_table(const std::string& status_json, const Look& look) {
  const Json answer = parse_json(status_json);
  const Json& sessions = field(answer, "sessions");
  std::vector<const Json*> order;
  if (sessions.is_array())
    for (const Json& session : sessions) order.push_back(&session);
  if (order.empty()) return "no sessions are configured\n";
  std::stable_sort(order.begin(), order.end(),
                   [](const Json* a, const Json* b) { return rank(*a) < rank(*b); });
  std::vector<std::vector<Cell>> rows{
      {{"NAME"}, {"STATE"}, {"PEER"}, {"FOR"}, {"KEY"}, {"APP"}, {"LAST ERROR"}}};
  for (const Json* s : order)
    rows.push_back({{shown(*s, "name")},
                    {state_of(*s), colour_of(*s)},
                    {shown(*s, "peer")},
                    {time_in_state(*s, look)},
                    {key_of(*s)},
                    {app_of(*s)},
                    {failure_in_table(*s, look)}});
  return render_table(rows, look);
}

std::string status_full(const std::string& status_json, const Look& look) {
  const Json answer = parse_json(status_json);
  const Json& sessions = field(answer, "sessions");
  if (!sessions.is_array() || sessions.empty()) return "no session\n";
  const Json& s = sessions.front();
  std::string out = shown(s, "name") + "\n";
  const auto row = [&](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    out += "  " + name + std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') + value + "\n";
  };
  row("description", shown(s, "description"));
  std::string labels;
  for (const auto& [name, value] : field(s, "labels").items())
    labels += (labels.empty() ? "" : ", ") + escape_control(name) + "=" +
              escape_control(value.is_string() ? value.get<std::string>() : value.dump());
  row("labels", labels);
  row("state", paint(state_of(s), colour_of(s), look) + " for " + time_in_state(s, look) +
                   ", since " + shown(s, "since"));
  const std::string why = shown(s, "health_text");
  row("health", paint(shown(s, "health"), colour_of(s), look) + (why.empty() ? "" : ": " + why));
  row("plugin", shown(s, "plugin") + ", " + shown(s, "mode"));
  row("peer", shown(s, "peer"));
  row("source", shown(s, "source"));
  const Json& key = field(s, "key");
  row("key", key.is_object()
                 ? key_of(s) + " by " + shown(key, "method") + ", chosen by " + shown(key, "cause")
                 : "none: this link is not authenticated");
  row("links", std::to_string(static_cast<long>(number(s, "links"))));
  const Json& app = field(s, "app");
  const std::string endpoint = shown(app, "endpoint");
  row("app", (endpoint.empty() ? "none configured" : endpoint) + ", " +
                 std::to_string(static_cast<long>(number(app, "attached"))) + " attached");
  const Json& bytes = field(s, "bytes");
  row("bytes",
      std::to_string(static_cast<long long>(number(bytes, "peer_to_app"))) + " peer to app, " +
          std::to_string(static_cast<long long>(number(bytes, "app_to_peer"))) + " app to peer");
  row("attempts", count(number(s, "attempts"), "attempt") + ", established " +
                      count(number(s, "established_count"), "time"));
  row("last error", timed_failure(field(s, "last_error")));
  row("last down", timed_failure(field(s, "last_down")));
  const Json& recent = field(s, "recent_errors");
  if (recent.is_array() && recent.size() > 1) {
    row("recent errors", timed_failure(recent.front()));
    for (std::size_t i = 1; i < recent.size(); ++i) row("", timed_failure(recent[i]));
  }
  for (const auto& [name, value] : field(s, "plugin_status").items()) {
    std::string title = shown(s, "plugin") + " " + escape_control(name);
    for (const std::string& line : wrapped(value)) row(std::exchange(title, {}), line);
  }
  return out;
}

Checked status_check(const std::string& status_json) {
  const Json answer = parse_json(status_json);
  const Json& sessions = field(answer, "sessions");
  if (!sessions.is_array())
    return {3, "PEERHOLD UNKNOWN - the keeper's answer could not be read\n"};
  long established = 0, well = 0;
  int worst = 2;
  std::string names;
  for (const Json& s : sessions) {
    const int r = rank(s);
    worst = std::min(worst, r);
    if (text(s, "state") == "established") ++established;
    if (r == 2)
      ++well;
    else
      names += (names.empty() ? ": " : ", ") + shown(s, "name") + " " + state_of(s);
  }
  constexpr const char* words[] = {"CRITICAL", "WARNING", "OK"};
  const std::string total = std::to_string(sessions.size());
  return {2 - worst, "PEERHOLD " + std::string(words[worst]) + " - " + std::to_string(well) +
                         " of " + total + (sessions.size() == 1 ? " session" : " sessions") +
                         " well" + names + " | sessions=" + total +
                         " established=" + std::to_string(established) + "\n"};
}

}  // namespace peerhold::cli
