#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "cli/doctor_text.hpp"
#include "cli/event_text.hpp"
#include "cli/key_room.hpp"
#include "cli/key_text.hpp"
#include "cli/plugins_text.hpp"
#include "cli/reload_text.hpp"
#include "cli/status_text.hpp"
#include "control/json.hpp"

using namespace peerhold;
using namespace peerhold::cli;

namespace {

bool shows(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

const WallTime noon{std::chrono::seconds(1764000000)};

SessionStatus well(const std::string& name) {
  SessionStatus s;
  s.name = name;
  s.plugin = "raw";
  s.mode = "active";
  s.peer = "192.0.2.1:179";
  s.state = SessionState::established;
  s.since = noon - std::chrono::seconds(90);
  s.uptime = Milliseconds(90000);
  s.health = Health::ok;
  s.key = SessionStatus::KeyUse{"edge", "tcp-md5", "schedule", 7};
  s.links = 1;
  s.app_endpoint = "127.0.0.1:7000";
  s.apps_attached = 1;
  return s;
}

SessionStatus waiting(const std::string& name) {
  SessionStatus s = well(name);
  s.state = SessionState::backoff;
  s.health = Health::down;
  s.retry_in = Milliseconds(5000);
  s.last_error = Failure{Cause::connect_timeout, "no answer\x1b[2J", noon};
  return s;
}

SessionStatus held(const std::string& name) {
  SessionStatus s = well(name);
  s.health = Health::degraded;
  s.apps_attached = 0;
  s.app_absent = Milliseconds(192000);
  s.hold_left = Milliseconds(108000);
  return s;
}

std::string status_of(const std::vector<SessionStatus>& sessions, bool recent = false) {
  return status_json({}, 42, sessions, recent);
}

Look plain() {
  Look look;
  look.now = noon;
  return look;
}

}  // namespace

TEST_CASE("the table: those not well first, a held one says until when") {
  const std::string table = status_table(status_of({well("a"), held("b"), waiting("c")}), plain());
  CHECK(shows(table, "established (held: no app 3m12s, releases in 1m48s)"));
  for (const char* more : {"", ": the app sent a Cease"}) {
    SessionStatus routes = held("b");
    routes.health_text = std::string(app_is_absent) + ", 1204 routes" + more;
    CHECK(shows(status_table(status_of({routes}), plain()),
                "established (held: no app 3m12s, 1204 routes, releases in 1m48s)"));
  }
  CHECK(shows(table, "backoff (retry in 5s)"));
  CHECK(shows(table, "edge/7"));
  CHECK(shows(table, "connect-timeout: no answer"));
  const auto at = [&](const char* name) { return table.find(std::string("\n") + name + " "); };
  REQUIRE(at("a") != std::string::npos);
  CHECK(at("c") < at("b"));
  CHECK(at("b") < at("a"));
  CHECK_FALSE(shows(table, "\x1b"));  // neither colour nor what a peer sent
}

TEST_CASE("colour only when asked for: green, yellow when held, red when down") {
  Look look = plain();
  look.colour = true;
  CHECK(shows(status_table(status_of({well("a")}), look), "\x1b[32mestablished\x1b[0m"));
  CHECK(shows(status_table(status_of({held("a")}), look), "\x1b[33mestablished (held"));
  CHECK(shows(status_table(status_of({waiting("a")}), look), "\x1b[31mbackoff"));
}

TEST_CASE("a narrow terminal cuts the last column only") {
  Look look = plain();
  SessionStatus s = waiting("c");
  s.last_error->text = std::string(300, 'x');
  CHECK(shows(status_table(status_of({s}), look), std::string(300, 'x').c_str()));
  look.width = 120;
  const std::string table = status_table(status_of({s}), look);
  CHECK_FALSE(shows(table, std::string(100, 'x').c_str()));
  CHECK(shows(table, "\u2026"));
  CHECK(shows(table, "backoff (retry in 5s)"));
}

TEST_CASE("the table says what is to come, and of what is over only what and when") {
  SessionStatus s = waiting("c");
  s.retry_in = Milliseconds(792);
  CHECK(shows(status_table(status_of({s}), plain()), "backoff (retry in 1s)"));
  s.retry_in.reset();
  CHECK(shows(status_table(status_of({s}), plain()), "backoff (until a client comes)"));
  s.mode = "passive";
  CHECK_FALSE(shows(status_table(status_of({s}), plain()), "client"));
  SessionStatus healed = well("a");
  healed.last_error = Failure{Cause::connect_timeout, "no answer", noon - std::chrono::seconds(70)};
  const std::string table = status_table(status_of({healed}), plain());
  CHECK(shows(table, "connect-timeout 1m10s ago"));
  CHECK_FALSE(shows(table, "no answer"));
}

TEST_CASE("no sessions, or no answer at all, is said") {
  CHECK(status_table(status_of({}), plain()) == "no sessions are configured\n");
  CHECK(status_table("garbage", plain()) == "no sessions are configured\n");
}

TEST_CASE("one session in full") {
  SessionStatus s = held("edge1");
  s.recent_errors = {Failure{Cause::peer_closed, "one", noon}, Failure{Cause::admin, "two", noon}};
  s.plugin = "bgp";
  const std::string eighty(80, 'x');
  s.plugin_status = R"({"clients": 3, "peer": {"state": "up\u0007", "in": [1, 2], "long": ")" +
                    eighty + R"("}, "none": {}})";
  const std::string full = status_full(status_of({s}, true), plain());
  for (const char* part :
       {"edge1\n", "held: no app", "192.0.2.1:179", "edge/7 by tcp-md5", "peer-closed: one",
        "admin: two", "bgp clients", "bgp peer        state up\\x07, in (1, 2)\n",
        "\n                  long xxx", "bgp none        none"})
    CHECK_MESSAGE(shows(full, part), part);
  s.key.reset();
  CHECK(shows(status_full(status_of({s}), plain()), "not authenticated"));
}

TEST_CASE("--check answers as a monitoring plug-in does") {
  const auto check = [](const std::vector<SessionStatus>& s) { return status_check(status_of(s)); };
  CHECK(check({well("a")}).exit == 0);
  CHECK(shows(check({well("a")}).line, "PEERHOLD OK - 1 of 1 session well"));
  CHECK(check({}).exit == 0);
  CHECK(check({well("a"), held("b")}).exit == 1);
  CHECK(shows(check({well("a"), held("b")}).line, "b established (held"));
  CHECK(check({well("a"), held("b"), waiting("c")}).exit == 2);
  CHECK(status_check("garbage").exit == 3);
  const std::string line = check({held("b"), waiting("c")}).line;
  CHECK(line.find('\n') == line.size() - 1);
}

TEST_CASE("events for people") {
  Event e;
  e.time = noon;
  e.session = "edge1";
  e.kind = EventKind::state;
  e.from = "established", e.to = "backoff", e.cause = "peer-reset", e.text = "gone\r\n";
  CHECK(event_text(event_json(e)) == format_time(noon) +
                                         "  edge1  established -> backoff (peer-reset)  "
                                         "gone\\r\\n\n");
  // What an error has just said its change of state does not say again, but another one does.
  std::string said;
  Event error = e;
  error.kind = EventKind::error;
  CHECK(shows(event_text(event_json(error), &said), "gone"));
  CHECK_FALSE(shows(event_text(event_json(e), &said), "gone"));
  CHECK(shows(event_text(event_json(e), &said), "gone"));
  event_text(event_json(error), &said);
  e.session = "edge2";
  CHECK(shows(event_text(event_json(e), &said), "gone"));
  e.session = "edge1";
  e.kind = EventKind::key;
  CHECK(shows(event_text(event_json(e)), "  key  "));
  Event own;
  own.time = noon;
  own.kind = EventKind::keeper;
  own.to = "ready";
  CHECK(event_text(event_json(own)) == format_time(noon) + "  keeper  ready\n");
}

TEST_CASE("what a reload did: a line a session, `keep` only on request") {
  ReloadOutcome outcome;
  outcome.ok = true;
  outcome.actions = {{ReloadAction::What::keep, "same", {}},
                     {ReloadAction::What::live, "soft", {"description", "app"}},
                     {ReloadAction::What::remove, "old", {}}};
  outcome.diagnostics = {{Diagnostic::warning, {"f.toml", 3, 5}, "odd"}};
  const std::string json = reload_json(outcome, true);
  CHECK(reload_actions(json, true) == "same  keep\nsoft  live: description, app\nold   remove\n");
  CHECK(reload_actions(json, false) == "soft  live: description, app\nold   remove\n");
  CHECK(reload_diagnostics(json) == "f.toml:3:5: warning: odd\n");
}

TEST_CASE("keys: who uses which, and since when") {
  KeyStatus chain;
  chain.name = "edge";
  chain.rollover = "follow";
  KeyStatus::OneKey old, now;
  old.id = 1;
  old.end = noon;
  now.id = 2;
  now.valid = true;
  now.in_use_by = {"a", "b"};
  chain.keys = {old, now};
  const std::string table = key_table(keys_json({chain}), plain());
  CHECK(shows(table, "a, b"));
  CHECK(shows(table, format_time(noon).c_str()));
  CHECK(shows(table, "never"));
  CHECK(key_table(keys_json({}), plain()) == "no key chains are configured\n");
}

TEST_CASE("plugins: every option, nested ones by their path") {
  const std::string json = R"({"plugins": [{"name": "tls", "version": "1", "summary": "S",
    "licence": "MIT", "file": "/p/tls.so", "abi": "1.0", "options": [
    {"name": "hello_timeout", "type": "duration", "default": "\"5s\"", "required": false,
     "live": true, "min": 1000, "max": 60000, "choices": [], "help": "H", "fields": []},
    {"name": "mode", "type": "choice", "default": null, "required": true, "live": false,
     "min": null, "max": null, "choices": ["off", "v2"], "help": "M", "fields": []},
    {"name": "route", "type": "tables", "default": null, "required": false, "live": false,
     "min": null, "max": null, "choices": [], "help": "R", "fields": [
       {"name": "sni", "type": "list of string", "help": "N"}]}]}]})";
  const std::string text = plugins_text(json, plain());
  for (const char* part : {"tls 1: S", "/p/tls.so, ABI 1.0", "duration, 1s to ", "off | v2",
                           "required", "route.sni", "list of string", "live"})
    CHECK_MESSAGE(shows(text, part), part << " in " << text);
  // On a narrow terminal a meaning is wrapped, never cut.
  std::string wordy = json;
  wordy.replace(wordy.find("\"H\""), 3, "\"one two three four five six seven eight nine ten\"");
  Look narrow = plain();
  narrow.width = 80;
  const std::string lines = plugins_text(wordy, narrow);
  CHECK(shows(lines, " ten\n"));
  CHECK_FALSE(shows(lines, "one two three four five six seven"));
  CHECK_FALSE(shows(lines, "\u2026"));
}

TEST_CASE("listeners whose keys do not fit into the kernel") {
  Config config;
  const auto add = [&](const char* peer, const char* source) {
    SessionConfig s;
    s.name = peer;
    s.mode = Mode::passive;
    s.peer.address = *Address::parse(peer);
    s.source = *Endpoint::parse(source);
    s.keychain = "edge";
    config.sessions.push_back(s);
  };
  add("192.0.2.1", "192.0.2.9:179");
  add("192.0.2.2", "192.0.2.9:179");
  add("192.0.2.3", "192.0.2.8:179");
  CHECK(crowded_listeners(config, 3).empty());  // two of ours, one for strangers
  const auto crowded = crowded_listeners(config, 2);
  REQUIRE(crowded.size() == 1);
  CHECK(crowded[0].listener == "192.0.2.9:179");
  CHECK(crowded[0].keys == 3);
  SUBCASE("sessions under a prefix's key take none of their own") {
    ListenConfig listen;
    listen.address = *Endpoint::parse("192.0.2.9:179");
    listen.prefix = *Prefix::parse("192.0.2.0/24");
    listen.keychain = "edge";
    config.listens.push_back(listen);
    CHECK(crowded_listeners(config, 2).empty());
  }
  SUBCASE("those that dial, are off, or have no key take none") {
    config.sessions[0].mode = Mode::active;
    CHECK(crowded_listeners(config, 2).empty());
    config.sessions[0].mode = Mode::passive;
    config.sessions[0].enabled = false;
    CHECK(crowded_listeners(config, 2).empty());
    config.sessions[0].enabled = true;
    config.sessions[0].keychain.clear();
    CHECK(crowded_listeners(config, 2).empty());
  }
}

TEST_CASE("a diagnosis: what is not well first in full, at most five lines a session") {
  Diagnosis d;
  d.sessions.push_back({"edge1", "192.0.2.1", {}});
  d.sessions.push_back({"edge2",
                        "192.0.2.2",
                        {{"other-key", {"one", "two", "three"}},
                         {"too-far", {"four", "five", "six"}},
                         {"no-valid-key", {"seven\x1b[2J"}}}});
  const Look plain;
  const Doctored some = doctor_text(diagnosis_json(d), plain);
  CHECK(some.found);
  CHECK(some.text ==
        "edge1 (192.0.2.1): all is well\n"
        "edge2 (192.0.2.2): not well\n"
        "  one\n  two\n  three\n  seven\\x1b[2J\n  and 1 more (--json)\n");
  CHECK(diagnosis_json(d).find(R"({"code":"too-far","lines":["four","five","six"]})") !=
        std::string::npos);

  d.sessions.pop_back();
  CHECK_FALSE(doctor_text(diagnosis_json(d), plain).found);
  d.host = Diagnosis::Host{};
  d.host->kernel = "Linux 6.18";
  d.host->tcp_md5 = true;
  d.host->capture_text = "not permitted";
  d.host->keys_per_listener = 963;
  d.host->optmem_max = 131072;
  d.host->counters.failure = 7;
  Doctored all = doctor_text(diagnosis_json(d), plain);
  CHECK_FALSE(all.found);  // what this host may not do is no fault of a session
  CHECK(shows(all.text, "1 session is well"));
  CHECK(shows(all.text, "Linux 6.18, TCP-MD5: yes"));
  CHECK(shows(all.text,
              "CAP_NET_RAW: no (which key a peer signs with cannot be seen: not permitted)"));
  CHECK(shows(all.text, "room for 963 keys on a listener (net.core.optmem_max 131072)"));
  CHECK(shows(all.text, "7 signed with another key"));
  d.host->tcp_md5 = false;
  CHECK(doctor_text(diagnosis_json(d), plain).found);
  CHECK_FALSE(doctor_text("{}", plain).found);
  CHECK_FALSE(doctor_text("no json", plain).found);
}
